/**
 * The supply thread as its main thread sees it: a `Supply` that never blocks, since the main thread
 * serves steps meanwhile. Knows nothing of where pages come from.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { fromPlain, SputnikError } from '../base/errors.js'
import { MAP_PAGES_MAX, type PageAt } from '../fabric/control.js'
import type { Supply, SupplyAnswer } from './supply.js'
import type {
  SupplyCommand,
  SupplyNews,
  SupplyOpened,
  SupplySetup,
  SupplyStart,
  SupplyWorkerData,
} from './supply-messages.js'

const WANTED_MAX = MAP_PAGES_MAX * 256
/** Far above `BEAT_MS`: a busy machine is no dead thread. */
const SILENT_MS = 30_000
/** Above any count of experts of a region. */
const REGION_STRIDE = 1 << 16

type Wanted = PageAt & { readonly ticket: number; isAnswered: boolean }

/**
 * Starts the thread and waits until it knows the model; `now` is a monotonic clock in milliseconds.
 * @throws SputnikError why there is no manifest: PEER_UNREACHABLE, MANIFEST_INVALID, NODE_EVICTED
 * and so on; MODEL_MISMATCH when the copy that was named is of another model; CACHE_UNWRITABLE
 */
export async function openSupply(
  setup: SupplySetup,
  now: () => number,
): Promise<SupplyOpened & { readonly supply: Supply }> {
  const { port1: port, port2 } = new MessageChannel()
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const workerData: SupplyWorkerData = { setup, port: port2, beats }
  const worker = new Worker(new URL('./supply-thread.js', import.meta.url), {
    workerData,
    transferList: [port2],
  })
  // Answers are fetched, so nothing here keeps the process alive or is told of them.
  port.unref()
  try {
    const opened = await started(worker)
    return { ...opened, supply: new ThreadSupply(worker, { port, life: new Life(beats, now) }) }
  } catch (error) {
    await worker.terminate()
    throw error
  }
}

function started(worker: Worker): Promise<SupplyOpened> {
  return new Promise((resolve, reject) => {
    worker.once('message', (start: SupplyStart) => {
      if (start.kind === 'opened') resolve(start.opened)
      else reject(fromPlain(start.error))
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(threadEnded()))
  })
}

/** Whether the thread lives: while this thread is busy, nothing else tells of its end. */
class Life {
  readonly #beats: Int32Array
  readonly #now: () => number
  #seen = 0
  #seenAt: number

  constructor(beats: SharedArrayBuffer, now: () => number) {
    this.#beats = new Int32Array(beats)
    this.#now = now
    this.#seenAt = now()
  }

  get isOver(): boolean {
    const beats = Atomics.load(this.#beats, 0)
    const time = this.#now()
    if (beats === this.#seen) return time - this.#seenAt > SILENT_MS
    this.#seen = beats
    this.#seenAt = time
    return false
  }
}

class ThreadSupply implements Supply {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #life: Life
  /** By page: what was wanted last and not released since. */
  readonly #byPage = new Map<number, Wanted>()
  readonly #byTicket = new Map<number, Wanted>()
  #lastTicket = 0
  #pending = 0
  #badPages = 0
  #broken: SputnikError | undefined

  constructor(worker: Worker, { port, life }: { port: MessagePort; life: Life }) {
    this.#worker = worker
    this.#port = port
    this.#life = life
    worker.on('error', (error) => this.#break(error))
    worker.on('exit', () => this.#break(threadEnded()))
  }

  get pending(): number {
    return this.#pending
  }

  get badPages(): number {
    return this.#badPages
  }

  want(pages: readonly PageAt[]): void {
    if (this.#pending + pages.length > WANTED_MAX) {
      throw new SputnikError('CARD_BUSY', `${this.#pending} pages are on their way already`)
    }
    const wants = new Uint32Array(3 * pages.length)
    const old: number[] = []
    pages.forEach(({ region, expert }, index) => {
      const before = this.#forget({ region, expert })
      if (before !== undefined) old.push(before)
      this.#lastTicket = (this.#lastTicket + 1) >>> 0
      const ticket = this.#lastTicket
      const wanted = { region, expert, ticket, isAnswered: false }
      this.#byPage.set(keyOf(wanted), wanted)
      this.#byTicket.set(ticket, wanted)
      this.#pending++
      wants.set([ticket, region, expert], 3 * index)
    })
    this.#tell({ kind: 'want', wants })
    // Only now, or a page that is wanted again could leave the disk in between.
    if (old.length > 0) this.#tell({ kind: 'release', tickets: Uint32Array.from(old) })
  }

  release(pages: readonly PageAt[]): void {
    const tickets = pages.flatMap((page) => this.#forget(page) ?? [])
    if (tickets.length > 0) this.#tell({ kind: 'release', tickets: Uint32Array.from(tickets) })
  }

  reject(pages: readonly PageAt[]): void {
    const numbers = pages.flatMap(({ region, expert }) => [region, expert])
    if (numbers.length > 0) this.#tell({ kind: 'reject', pages: Uint32Array.from(numbers) })
    this.release(pages)
  }

  take(): SupplyAnswer[] {
    const answers: SupplyAnswer[] = []
    while (this.#pending > 0 && this.#broken === undefined) {
      const received = receiveMessageOnPort(this.#port) as { message: SupplyNews } | undefined
      if (received !== undefined) this.#receive(received.message, answers)
      else if (this.#life.isOver) this.#break(threadEnded())
      else return answers
    }
    if (this.#broken !== undefined) this.#failAll(this.#broken, answers)
    return answers
  }

  close(): void {
    this.#tell({ kind: 'close' })
    this.#worker.unref()
  }

  #receive(news: SupplyNews, answers: SupplyAnswer[]): void {
    if (news.kind === 'broken') {
      this.#break(fromPlain(news.error))
      return
    }
    this.#badPages = news.badPages
    const wanted = this.#byTicket.get(news.ticket)
    if (wanted === undefined) return
    const { region, expert } = wanted
    this.#pending--
    wanted.isAnswered = true
    if (news.kind === 'ready') {
      answers.push({ kind: 'ready', page: { region, expert, source: news.source } })
    } else {
      this.#forget(wanted)
      answers.push({ kind: 'failed', region, expert, error: fromPlain(news.error) })
    }
  }

  /** The ticket under which the page was wanted; its answer, when it is still to come, counts no
   * more. */
  #forget(page: PageAt): number | undefined {
    const wanted = this.#byPage.get(keyOf(page))
    if (wanted === undefined) return undefined
    this.#byPage.delete(keyOf(page))
    this.#byTicket.delete(wanted.ticket)
    if (!wanted.isAnswered) this.#pending--
    return wanted.ticket
  }

  #failAll(error: SputnikError, answers: SupplyAnswer[]): void {
    for (const wanted of [...this.#byPage.values()]) {
      if (wanted.isAnswered) continue
      this.#forget(wanted)
      const { region, expert } = wanted
      answers.push({ kind: 'failed', region, expert, error })
    }
  }

  #break(error: unknown): void {
    this.#broken ??= error instanceof SputnikError ? error : threadEnded(error)
  }

  #tell(command: SupplyCommand): void {
    this.#port.postMessage(command)
  }
}

function keyOf({ region, expert }: PageAt): number {
  return region * REGION_STRIDE + expert
}

function threadEnded(cause?: unknown): SputnikError {
  const reason = cause instanceof Error ? `: ${cause.message}` : ''
  return new SputnikError('INTERNAL', `the thread that fetches pages has ended${reason}`, {}, cause)
}

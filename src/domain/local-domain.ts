/**
 * A domain on the head's own host with one card: a child process and the socket to it. Starts it,
 * gives it its pages and changes them while it serves, starts it again when it was lost. All waits
 * block, with a deadline.
 */
import { assert } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import {
  controlFrame,
  helloSchema,
  type Load,
  MAP_PAGES_MAX,
  type MapAnswer,
  mappedSchema,
  type PageAt,
  type Progress,
  progressSchema,
  readControl,
  readFailure,
  readMapFailure,
} from '../fabric/control.js'
import { FRAME, type FrameKind, PROTOCOL_VERSION, readHeader } from '../fabric/frame.js'
import { bytesOf, type Link, type ReceivedFrame } from '../fabric/link.js'
import { StepLink } from '../fabric/step-link.js'
import type { Sockets } from '../native/sockets.js'
import { CardProcess } from './card-process.js'
import { MappedPages, type PageSources, type PagesToMap } from './mapped-pages.js'

export type LocalDomainOptions = {
  readonly id: number
  readonly backend: string
  readonly load: Load
  readonly sockets: Sockets
  /** Of the memory shared with the card; 0: everything goes through the socket. */
  readonly sharedBytes: number
  /** How long either side looks for a frame before it sleeps. */
  readonly spinUs: number
  readonly now: () => number
  readonly onProgress: (id: number, bytes: number) => void
}

/** Maps that were not answered, and answers that were not fetched. */
const CHANGES_MAX = 256

const HELLO_MS = 20_000
const LOAD_STALL_MS = 120_000
const LEARN_MS = 30_000

export class LocalDomain {
  readonly id: number
  readonly #options: LocalDomainOptions
  #process: CardProcess | undefined
  #link: StepLink | undefined
  readonly #mapped: MappedPages
  #answers: MapAnswer[] = []
  #lastId = 0
  /** Whether the first pages are there, so that frames about pages answer maps. */
  #isServing = false
  #bytesBefore = { sent: 0, received: 0 }
  #records: readonly ExpertRecord[] = []
  pages = 0
  pageBytes = 0
  restarts = 0
  expertCalls = 0

  constructor(options: LocalDomainOptions) {
    this.id = options.id
    this.#options = options
    this.#mapped = new MappedPages(options.load)
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get device(): string {
    return this.#options.load.device
  }

  get bytesSent(): number {
    return this.#bytesBefore.sent + (this.#link?.bytesSent ?? 0)
  }

  get bytesReceived(): number {
    return this.#bytesBefore.received + (this.#link?.bytesReceived ?? 0)
  }

  /** Starts the process and tells it what to load, without waiting for that. */
  start(): void {
    const { now, load } = this.#options
    this.#process = new CardProcess({ ...this.#options, device: load.device })
    this.#link = new StepLink(this.#process.link, {
      take: (frame) => this.#isServing && this.#take(frame),
      now,
    })
    this.#send(FRAME.load, this.#mapped.load())
  }

  /** Waits until the pages are there. @throws SputnikError CARD_FAILED or the card's own error */
  awaitLoaded(): void {
    const hello = readControl(this.#expect(FRAME.hello, HELLO_MS), helloSchema)
    if (hello.protocol !== PROTOCOL_VERSION) throw this.#failed('speaks another protocol version')
    this.#awaitPages(FRAME.ready)
    for (const pages of this.#mapped.maps()) {
      this.#send(FRAME.map, { id: ++this.#lastId, ...pages })
      this.#awaitPages(FRAME.mapped)
    }
    this.#isServing = true
  }

  #awaitPages(end: FrameKind): void {
    for (;;) {
      const frame = this.#receive(LOAD_STALL_MS)
      this.#note(readControl(bytesOf(frame), progressSchema))
      this.#options.onProgress(this.id, this.pageBytes)
      if (readHeader(frame.buffer.view).kind === end) return
    }
  }

  #note({ pages, bytes }: Progress): void {
    this.pages = pages
    this.pageBytes = bytes
  }

  /**
   * Asks the card to take pages in while it serves, without waiting; they are there when
   * `takeAnswers` says so. Returns the id of the answer. `sources`: one per page, null for the
   * model's files; without them all lie there.
   * @throws SputnikError CARD_BUSY, CARD_FAILED
   */
  map(pages: readonly PageAt[], sources?: PageSources): number {
    assert(sources === undefined || sources.length === pages.length, 'a source per page')
    return this.#change('map', { pages, ...(sources && { sources }) })
  }

  /** Asks the card to let pages go, which no step may need any more; as `map`. */
  unmap(pages: readonly PageAt[]): number {
    return this.#change('unmap', { pages })
  }

  #change(kind: 'map' | 'unmap', change: PagesToMap): number {
    const { length } = change.pages
    assert(length > 0 && length <= MAP_PAGES_MAX, `${length} pages in one frame`)
    assert(this.#isServing, 'pages are mapped after those of the beginning')
    if (this.#mapped.pending + this.#answers.length >= CHANGES_MAX) {
      throw new SputnikError('CARD_BUSY', `card ${this.id} has ${CHANGES_MAX} maps to answer`)
    }
    const id = ++this.#lastId
    this.#send(FRAME[kind], { id, ...change })
    this.#mapped.begin(id, { kind, ...change })
    return id
  }

  /** Answers since the last call. Without steps in between, `poll` first. */
  takeAnswers(): MapAnswer[] {
    const answers = this.#answers
    this.#answers = []
    return answers
  }

  /** Looks for answers while no step waits for the card. */
  poll(): void {
    this.#link?.peek()
  }

  /** Deals with a frame about pages; false for all others. */
  #take(frame: ReceivedFrame): boolean {
    const { kind } = readHeader(frame.buffer.view)
    if (kind === FRAME.progress) this.#note(readControl(bytesOf(frame), progressSchema))
    else if (kind === FRAME.mapped) this.#takeMapped(bytesOf(frame))
    else return kind === FRAME.failed && this.#takeFailure(bytesOf(frame))
    return true
  }

  #takeMapped(bytes: Uint8Array): void {
    const mapped = readControl(bytes, mappedSchema)
    this.#note(mapped)
    if (this.#mapped.finish(mapped.id)) this.#answers.push({ id: mapped.id })
  }

  #takeFailure(bytes: Uint8Array): boolean {
    const failure = readMapFailure(bytes, this.id)
    if (failure === undefined) return false
    if (this.#mapped.fail(failure.id)) this.#answers.push(failure)
    return true
  }

  /** Tells the card what its experts compute. */
  learn(records: readonly ExpertRecord[]): void {
    this.#records = records
    this.#send(FRAME.records, { records })
    this.#expect(FRAME.ready, LEARN_MS)
  }

  /** Ends what is left of the process and starts a new one with the same pages, or leaves none. */
  restart(): void {
    this.stop()
    this.restarts++
    try {
      this.start()
      this.awaitLoaded()
      this.learn(this.#records)
    } catch (error) {
      this.stop()
      throw error
    }
  }

  /** Ends the card; maps it has not answered have failed. */
  stop(): void {
    const error = this.#failed('ended before it had answered')
    for (const id of this.#mapped.failAll()) this.#answers.push({ id, error })
    this.#isServing = false
    this.#bytesBefore = { sent: this.bytesSent, received: this.bytesReceived }
    this.#process?.stop()
    this.#process = undefined
    this.#link = undefined
  }

  /** Undefined when the card is gone. */
  get link(): Link | undefined {
    return this.#link
  }

  #send(kind: FrameKind, message: unknown): void {
    const frame = controlFrame(kind, message)
    if (this.#link?.send(frame, frame.bytes.length) !== true) throw this.#failed('has ended')
  }

  #expect(kind: FrameKind, timeoutMs: number): Uint8Array {
    const frame = this.#receive(timeoutMs)
    const got = readHeader(frame.buffer.view).kind
    if (got !== kind) throw this.#failed(`sent a frame of kind ${got} instead of ${kind}`)
    return bytesOf(frame)
  }

  #receive(timeoutMs: number): ReceivedFrame {
    const frame = this.#link?.receive(timeoutMs)
    if (frame === undefined) throw this.#failed('has ended or does not answer')
    if (readHeader(frame.buffer.view).kind === FRAME.failed) {
      throw readFailure(bytesOf(frame), this.id)
    }
    return frame
  }

  #failed(what: string): SputnikError {
    return new SputnikError('CARD_FAILED', `card ${this.id} (process ${this.pid}) ${what}`)
  }
}

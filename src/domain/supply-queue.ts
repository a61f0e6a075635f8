/**
 * Pages that are wanted, a few of which are fetched at a time: into the page store, or found right
 * in the copy of the model. Wants are numbered by tickets. Knows nothing of threads and of sockets.
 */
import { fromPlain, SputnikError, toPlain } from '../base/errors.js'
import type { PageSource as PagePlace } from '../fabric/control.js'
import { emptyBits, setBit } from '../fabric/page-messages.js'
import type { PageRef } from '../pages/manifest.js'
import type { FoundPage, PageFetcher } from '../pages/page-fetcher.js'
import type { PageFiles } from '../pages/page-files.js'
import type { PageSource } from '../pages/page-source.js'

export type SupplyQueueOptions = {
  readonly fetcher: Pick<PageFetcher, 'fetch'>
  readonly store: PageFiles
  /** The copy of the model that cards read themselves. */
  readonly copy: PageSource | undefined
  /** Number of a page among all of the manifest. */
  readonly indexOf: (page: PageRef) => number
  /** Told before a page is fetched that is not on this machine; never rejects. */
  readonly prepare: () => Promise<void>
  readonly sleep: (ms: number) => Promise<void>
  /** `place`: null when the page lies in the copy. */
  readonly onReady: (ticket: number, place: PagePlace | null) => void
  readonly onFailed: (ticket: number, error: SputnikError) => void
}

type Want = {
  readonly ticket: number
  readonly page: PageRef
  readonly stop: AbortController
  tries: number
}

/** Pages at a time: enough for disk, hashing and network to be busy together. */
const PARALLEL = 8
/** Before each further try: a head or a peer may be back soon. */
const RETRIES_MS = [250, 1000, 2500]

export class SupplyQueue {
  readonly #options: SupplyQueueOptions
  /** In the order of their coming; also those that wait for another try. */
  readonly #waiting = new Set<Want>()
  /** By ticket: all that were neither answered nor released. */
  readonly #open = new Map<number, Want>()
  /** By ticket: pages that are pinned in the store. */
  readonly #pinned = new Map<number, PageRef>()
  /** Pages whose bytes were found right, by number: where. */
  readonly #right = new Map<number, { readonly page: PageRef; readonly isInCopy: boolean }>()
  /** Pages that no card can read in the copy, by number; this process may have it open still. */
  readonly #unreadable = new Set<number>()
  #running = 0

  constructor(options: SupplyQueueOptions) {
    this.#options = options
  }

  want(ticket: number, page: PageRef): void {
    const want: Want = { ticket, page, stop: new AbortController(), tries: 0 }
    this.#open.set(ticket, want)
    this.#waiting.add(want)
    this.#turn()
  }

  /** Withdraws a want, answered or not. */
  release(ticket: number): void {
    const want = this.#open.get(ticket)
    this.#open.delete(ticket)
    want?.stop.abort(new Error('the page is not wanted any more'))
    const page = this.#pinned.get(ticket)
    this.#pinned.delete(ticket)
    if (page !== undefined) this.#options.store.unpin(page)
  }

  /** A card cannot read a page where it was said to be: the next want gets another place. */
  reject(page: PageRef): void {
    const index = this.#options.indexOf(page)
    const right = this.#right.get(index)
    if (right === undefined) return
    this.#right.delete(index)
    if (right.isInCopy) this.#unreadable.add(index)
    else this.#options.store.reject(page)
  }

  /** Whether the page is here and was found right: then it may be given to others. */
  has(page: PageRef): 'copy' | 'store' | undefined {
    const right = this.#right.get(this.#options.indexOf(page))
    if (right === undefined) return undefined
    if (right.isInCopy) return 'copy'
    return this.#options.store.has(page) ? 'store' : undefined
  }

  /** A bit for each page that `has` is true of. */
  holdings(pageCount: number): Uint8Array {
    const bits = emptyBits(pageCount)
    for (const [index, { page }] of this.#right) {
      if (this.has(page) !== undefined) setBit(bits, index)
    }
    return bits
  }

  close(): void {
    for (const ticket of [...this.#open.keys()]) this.release(ticket)
  }

  #turn(): void {
    for (const want of this.#waiting) {
      if (this.#running >= PARALLEL) return
      this.#waiting.delete(want)
      if (want.stop.signal.aborted) continue
      this.#running++
      void this.#supply(want).finally(() => {
        this.#running--
        this.#turn()
      })
    }
  }

  async #supply(want: Want): Promise<void> {
    try {
      const place = this.#known(want) ?? (await this.#fetch(want))
      this.#open.delete(want.ticket)
      if (want.stop.signal.aborted) this.release(want.ticket)
      else this.#options.onReady(want.ticket, place === IN_COPY ? null : place)
    } catch (error) {
      if (!want.stop.signal.aborted) this.#failed(want, error)
    }
  }

  /** A page that was found right before is not read again. */
  #known({ ticket, page }: Want): PagePlace | typeof IN_COPY | undefined {
    const { store } = this.#options
    const where = this.has(page)
    if (where === 'copy') return IN_COPY
    if (where === undefined || !store.pin(page)) return undefined
    this.#pinned.set(ticket, page)
    return { file: store.path(page), offset: 0 }
  }

  async #fetch(want: Want): Promise<PagePlace | typeof IN_COPY> {
    const { fetcher, store, copy, prepare } = this.#options
    const { page, stop } = want
    if (!store.has(page) && copy?.has(page) !== true) await prepare()
    return fetcher.fetch(page, {
      signal: stop.signal,
      use: (found) => this.#keep(want, found),
    })
  }

  async #keep({ ticket, page }: Want, found: FoundPage): Promise<PagePlace | typeof IN_COPY> {
    const { store, copy, indexOf } = this.#options
    const isInCopy = found.source === copy && !this.#unreadable.has(indexOf(page))
    if (!isInCopy) {
      await store.put(page, found.bytes, { isPinned: true })
      this.#pinned.set(ticket, page)
    }
    this.#right.set(indexOf(page), { page, isInCopy })
    return isInCopy ? IN_COPY : { file: store.path(page), offset: 0 }
  }

  #failed(want: Want, error: unknown): void {
    const isPassing = error instanceof SputnikError && error.code === 'PAGE_UNAVAILABLE'
    const delayMs = RETRIES_MS[want.tries]
    if (isPassing && delayMs !== undefined) {
      want.tries++
      void this.#options.sleep(delayMs).then(() => {
        this.#waiting.add(want)
        this.#turn()
      })
      return
    }
    this.#open.delete(want.ticket)
    this.#options.onFailed(want.ticket, fromPlain(toPlain(error)))
  }
}

const IN_COPY = 'copy'

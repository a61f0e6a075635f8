/**
 * Gets pages from sources in an order of preference: several at a time within a bound of memory,
 * each checked by its hash before anybody sees it. Knows nothing of what sources are.
 */
import { SputnikError } from '../base/errors.js'
import { abortable } from './abortable.js'
import { ByteBudget } from './byte-budget.js'
import { type PageRef, pageName } from './manifest.js'
import { hashPage } from './page-hash.js'
import { type PageSource, reasonOf } from './page-source.js'

export type PageFetcherOptions = {
  /** Pages asked for at a time. */
  readonly parallel?: number | undefined
  /** Of all pages that are being read or handed over; one larger page goes alone. */
  readonly inFlightBytesMax?: number | undefined
  /** Wrong pages after which a source is never asked again. */
  readonly badPagesMax?: number | undefined
  /** Failures in a row after which a source is not asked again by the same `fetch`. */
  readonly failuresMax?: number | undefined
}

export type FetchProgress = {
  readonly pages: number
  readonly bytes: number
  readonly totalPages: number
  readonly totalBytes: number
}

export type FetchOptions = {
  /** Takes a page that was found right; its bytes count as in flight until this resolves. */
  readonly onPage: (page: PageRef, bytes: Uint8Array) => void | Promise<void>
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export type FailedPage = { readonly page: PageRef; readonly error: SputnikError }

export type FetchResult = {
  readonly pages: number
  readonly bytes: number
  /** PAGE_CORRUPT when all that was ever given was wrong, PAGE_UNAVAILABLE otherwise. */
  readonly failed: readonly FailedPage[]
}

export type SourceCount = {
  readonly name: string
  readonly pages: number
  readonly bytes: number
  readonly badPages: number
  readonly failures: number
  /** It gave too many wrong pages. */
  readonly isBarred: boolean
}

type Counted = { -readonly [K in keyof SourceCount]: SourceCount[K] } & {
  readonly source: PageSource
}

/** Of one call of `fetch`. */
type Run = {
  readonly options: FetchOptions
  readonly stop: AbortController
  readonly failuresInARow: Map<PageSource, number>
  readonly failed: FailedPage[]
  progress: FetchProgress
}

const PARALLEL = 8
const IN_FLIGHT_BYTES_MAX = 64 << 20
const BAD_PAGES_MAX = 3
const FAILURES_MAX = 8

export class PageFetcher {
  readonly #sources: readonly Counted[]
  readonly #budget: ByteBudget
  readonly #parallel: number
  readonly #badPagesMax: number
  readonly #failuresMax: number

  /** `sources` in order of preference. */
  constructor(sources: readonly PageSource[], options: PageFetcherOptions = {}) {
    this.#sources = sources.map((source) => ({
      source,
      name: source.name,
      pages: 0,
      bytes: 0,
      badPages: 0,
      failures: 0,
      isBarred: false,
    }))
    this.#budget = new ByteBudget(options.inFlightBytesMax ?? IN_FLIGHT_BYTES_MAX)
    this.#parallel = options.parallel ?? PARALLEL
    this.#badPagesMax = options.badPagesMax ?? BAD_PAGES_MAX
    this.#failuresMax = options.failuresMax ?? FAILURES_MAX
  }

  /** What each source has given so far, in order of preference. */
  get counts(): SourceCount[] {
    return this.#sources.map(({ source: _, ...count }) => count)
  }

  /**
   * Fetches all it can; pages that nobody has do not keep it from the others.
   * @throws what `onPage` throws, and the reason of `signal`
   */
  async fetch(pages: readonly PageRef[], options: FetchOptions): Promise<FetchResult> {
    const { signal } = options
    const totalBytes = pages.reduce((sum, page) => sum + page.bytes, 0)
    const run: Run = {
      options,
      stop: new AbortController(),
      failuresInARow: new Map(),
      failed: [],
      progress: { pages: 0, bytes: 0, totalPages: pages.length, totalBytes },
    }
    const forward = (): void => run.stop.abort(signal?.reason)
    signal?.addEventListener('abort', forward, { once: true })
    try {
      signal?.throwIfAborted()
      const queue = pages.values()
      const workers = Array.from({ length: this.#parallel }, () => this.#work(run, queue))
      await settleAll(workers, (error) => run.stop.abort(error))
    } finally {
      signal?.removeEventListener('abort', forward)
    }
    const { pages: done, bytes } = run.progress
    return { pages: done, bytes, failed: run.failed }
  }

  /** One of several that take pages off the same queue. */
  async #work(run: Run, queue: Iterable<PageRef>): Promise<void> {
    for (const page of queue) {
      const free = await this.#budget.take(page.bytes, run.stop.signal)
      try {
        await this.#fetchOne(run, page)
      } finally {
        free()
      }
    }
  }

  async #fetchOne(run: Run, page: PageRef): Promise<void> {
    const said: string[] = []
    const before = { bad: 0, other: 0 }
    for (const counted of this.#sources) {
      const refusal = this.#refusal(run, { counted, page })
      const outcome = refusal ?? (await this.#ask(run, { counted, page }))
      if (outcome instanceof Uint8Array) {
        await this.#handOver(run, { page, bytes: outcome })
        return
      }
      if (outcome === WRONG_BYTES) before.bad++
      else if (refusal === undefined) before.other++
      said.push(outcome.startsWith(counted.name) ? outcome : `${counted.name}: ${outcome}`)
    }
    const isCorrupt = before.bad > 0 && before.other === 0
    run.failed.push({ page, error: unavailable(page, { isCorrupt, said }) })
  }

  /** Why a source is not even asked. */
  #refusal(run: Run, { counted, page }: { counted: Counted; page: PageRef }): string | undefined {
    if (counted.isBarred) return `not asked after ${counted.badPages} wrong pages`
    const failures = run.failuresInARow.get(counted.source) ?? 0
    if (failures >= this.#failuresMax) return `not asked after ${failures} failures in a row`
    return counted.source.has(page) ? undefined : 'does not have it'
  }

  /** The bytes of the page, or what is wrong. */
  async #ask(
    run: Run,
    { counted, page }: { counted: Counted; page: PageRef },
  ): Promise<Uint8Array | string> {
    const { source } = counted
    let bytes: Uint8Array
    try {
      bytes = await abortable(source.read(page, run.stop.signal), run.stop.signal)
    } catch (error) {
      run.stop.signal.throwIfAborted()
      counted.failures++
      run.failuresInARow.set(source, (run.failuresInARow.get(source) ?? 0) + 1)
      return reasonOf(error)
    }
    run.failuresInARow.delete(source)
    if (bytes.length === page.bytes && (await hashPage(bytes)) === page.hash) {
      counted.pages++
      counted.bytes += bytes.length
      return bytes
    }
    counted.badPages++
    counted.isBarred = counted.badPages >= this.#badPagesMax
    source.reject?.(page)
    return WRONG_BYTES
  }

  async #handOver(run: Run, { page, bytes }: { page: PageRef; bytes: Uint8Array }): Promise<void> {
    run.stop.signal.throwIfAborted()
    await run.options.onPage(page, bytes)
    const { pages, bytes: before } = run.progress
    run.progress = { ...run.progress, pages: pages + 1, bytes: before + bytes.length }
    run.options.onProgress?.(run.progress)
  }
}

const WRONG_BYTES = 'gave wrong bytes'
const SAID_MAX = 16

/** Waits for all even when one fails, so that nothing goes on behind the caller's back. */
async function settleAll(
  workers: readonly Promise<void>[],
  onError: (error: unknown) => void,
): Promise<void> {
  let first: { readonly error: unknown } | undefined
  await Promise.all(
    workers.map((worker) =>
      worker.catch((error: unknown) => {
        first ??= { error }
        onError(error)
      }),
    ),
  )
  if (first !== undefined) throw first.error
}

function unavailable(
  page: PageRef,
  { isCorrupt, said }: { isCorrupt: boolean; said: readonly string[] },
): SputnikError {
  const answers = said.slice(0, SAID_MAX).join('; ') || 'there is no source'
  const more = said.length > SAID_MAX ? `; and ${said.length - SAID_MAX} more` : ''
  const details = { layer: page.layer, expert: page.expert, hash: page.hash }
  const what = isCorrupt ? 'is wrong wherever it was found' : 'cannot be fetched'
  const text = `the page of ${pageName(page)} ${what}: ${answers}${more}`
  return new SputnikError(isCorrupt ? 'PAGE_CORRUPT' : 'PAGE_UNAVAILABLE', text, details)
}

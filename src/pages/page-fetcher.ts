/**
 * Gets pages from sources in an order of preference, within a bound of memory, each checked by its
 * hash before anybody sees it. Knows nothing of what sources are.
 */
import { reasonOf, SputnikError } from '../base/errors.js'
import { abortable } from './abortable.js'
import { ByteBudget } from './byte-budget.js'
import { type PageRef, pageName } from './manifest.js'
import { hashPage } from './page-hash.js'
import type { PageSource } from './page-source.js'

export type PageFetcherOptions = {
  /** In order of preference; asked for anew with each page, since sources come and go. */
  readonly sources: () => readonly PageSource[]
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  /** Of all pages that are being read or used; one larger page goes alone. */
  readonly inFlightBytesMax?: number | undefined
  /** Wrong pages after which a source of somebody else is never asked again. */
  readonly badPagesMax?: number | undefined
  /** Failures in a row after which a source is left alone for a while. */
  readonly failuresMax?: number | undefined
  readonly restMs?: number | undefined
  readonly onBadPage?: ((page: PageRef, source: PageSource) => void) | undefined
}

/** A page that was found right. */
export type FoundPage = { readonly bytes: Uint8Array; readonly source: PageSource }

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
  failuresInARow: number
  restsUntilMs: number
}

const IN_FLIGHT_BYTES_MAX = 64 << 20
const BAD_PAGES_MAX = 3
const FAILURES_MAX = 4
const REST_MS = 2000

export class PageFetcher {
  readonly #options: PageFetcherOptions
  readonly #counted = new Map<PageSource, Counted>()
  readonly #budget: ByteBudget

  constructor(options: PageFetcherOptions) {
    this.#options = options
    this.#budget = new ByteBudget(options.inFlightBytesMax ?? IN_FLIGHT_BYTES_MAX)
  }

  /** What each source has given so far, in the order in which they were first asked. */
  get counts(): SourceCount[] {
    return [...this.#counted.values()].map(
      ({ failuresInARow: _, restsUntilMs: __, ...count }) => count,
    )
  }

  get badPages(): number {
    let sum = 0
    for (const { badPages } of this.#counted.values()) sum += badPages
    return sum
  }

  /**
   * What `use` makes of the page from the first source that has it right; its bytes count as in
   * flight until then.
   * @throws SputnikError PAGE_CORRUPT when all that was given is wrong, PAGE_UNAVAILABLE; what
   * `use` throws, and the reason of `signal`
   */
  async fetch<T>(
    page: PageRef,
    { use, signal }: { use: (found: FoundPage) => T | Promise<T>; signal: AbortSignal },
  ): Promise<T> {
    const free = await this.#budget.take(page.bytes, signal)
    try {
      const found = await this.#find(page, signal)
      signal.throwIfAborted()
      return await use(found)
    } finally {
      free()
    }
  }

  async #find(page: PageRef, signal: AbortSignal): Promise<FoundPage> {
    const said: string[] = []
    const before = { bad: 0, other: 0 }
    for (const source of this.#options.sources()) {
      const refusal = this.#refusal(source, page)
      const outcome = refusal ?? (await this.#ask(source, { page, signal }))
      if (outcome instanceof Uint8Array) return { bytes: outcome, source }
      if (outcome === WRONG_BYTES) before.bad++
      else if (refusal === undefined) before.other++
      said.push(outcome.startsWith(source.name) ? outcome : `${source.name}: ${outcome}`)
    }
    throw unavailable(page, { isCorrupt: before.bad > 0 && before.other === 0, said })
  }

  /** Why a source is not even asked. */
  #refusal(source: PageSource, page: PageRef): string | undefined {
    const { isBarred, badPages, failuresInARow, restsUntilMs } = this.#countOf(source)
    if (isBarred) return `not asked after ${badPages} wrong pages`
    if (!source.has(page)) return 'does not have it'
    if (this.#options.now() >= restsUntilMs) return undefined
    return `not asked after ${failuresInARow} failures in a row`
  }

  /** The bytes of the page, or what is wrong. */
  async #ask(
    source: PageSource,
    { page, signal }: { page: PageRef; signal: AbortSignal },
  ): Promise<Uint8Array | string> {
    const counted = this.#countOf(source)
    let bytes: Uint8Array
    try {
      bytes = await abortable(source.read(page, signal), signal)
    } catch (error) {
      signal.throwIfAborted()
      this.#noteFailure(counted)
      return reasonOf(error)
    }
    counted.failuresInARow = 0
    if (bytes.length === page.bytes && (await hashPage(bytes)) === page.hash) {
      counted.pages++
      counted.bytes += bytes.length
      return bytes
    }
    counted.badPages++
    const { badPagesMax = BAD_PAGES_MAX } = this.#options
    counted.isBarred = source.isOwn !== true && counted.badPages >= badPagesMax
    source.reject?.(page)
    this.#options.onBadPage?.(page, source)
    return WRONG_BYTES
  }

  #noteFailure(counted: Counted): void {
    const { failuresMax = FAILURES_MAX, restMs = REST_MS, now } = this.#options
    counted.failures++
    counted.failuresInARow++
    if (counted.failuresInARow >= failuresMax) counted.restsUntilMs = now() + restMs
  }

  #countOf(source: PageSource): Counted {
    const known = this.#counted.get(source)
    if (known !== undefined) return known
    const counted = {
      name: source.name,
      pages: 0,
      bytes: 0,
      badPages: 0,
      failures: 0,
      isBarred: false,
      failuresInARow: 0,
      restsUntilMs: 0,
    }
    this.#counted.set(source, counted)
    return counted
  }
}

const WRONG_BYTES = 'gave wrong bytes'
const SAID_MAX = 16

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

/**
 * How long domains take to load pages they are told to map: from their own disk if they had them
 * before, else from a peer or the head. One batch at a time at each domain, nothing else on its
 * wire. Knows nothing of placements.
 */
import { defined } from '../../base/assert.js'
import type { RegionPages } from '../../pages/capacity.js'
import type { DirectoryMessage, MapReport } from '../../pages/directory.js'
import type { HolderTable, Page } from '../../pages/holder-table.js'

export type LoadingDomain = {
  readonly id: number
  readonly diskBytesPerSecond: number
  readonly nicBytesPerSecond: number
}

export type PageLoaderOptions = {
  readonly regions: readonly RegionPages[]
  readonly domains: readonly LoadingDomain[]
  readonly entryOf: HolderTable['entry']
  readonly entries: number
  /** The head has the model file, and all pages with it. */
  readonly hasOrigin: boolean
  readonly headBytesPerSecond: number
}

type MapMessage = DirectoryMessage & { readonly kind: 'map' }
type Loading = { readonly message: MapMessage; readonly doneS: number }

export class PageLoader {
  readonly #options: PageLoaderOptions
  /** Pages on each domain's disk, by entry. */
  readonly #stored: readonly Uint8Array[]
  readonly #isAway: boolean[]
  readonly #waiting = new Map<number, MapMessage[]>()
  readonly #loading = new Map<number, Loading>()
  /** Bytes that domains have loaded. */
  loadedBytes = 0

  constructor(options: PageLoaderOptions) {
    this.#options = options
    this.#stored = options.domains.map(() => new Uint8Array(options.entries))
    this.#isAway = options.domains.map(() => false)
  }

  /** Somebody who is there has the page, in memory or on disk. */
  canLoad(entry: number): boolean {
    return this.#options.hasOrigin || this.#isStored(entry)
  }

  /** On the disk of a domain that is there. */
  #isStored(entry: number): boolean {
    return this.#stored.some((disk, domain) => disk[entry] === 1 && this.#isAway[domain] === false)
  }

  /** The domain has the page from now on. */
  store(domain: number, entry: number): void {
    const disk = defined(this.#stored[domain], 'disk of a domain')
    disk[entry] = 1
  }

  /** What it was to load is forgotten; its disk is not. */
  leave(domain: number): void {
    this.#isAway[domain] = true
    this.#waiting.delete(domain)
    this.#loading.delete(domain)
  }

  comeBack(domain: number): void {
    this.#isAway[domain] = false
  }

  load(message: MapMessage, now: number): void {
    const queue = this.#waiting.get(message.domain)
    if (queue === undefined) this.#waiting.set(message.domain, [message])
    else queue.push(message)
    if (!this.#loading.has(message.domain)) this.#begin(message.domain, now)
  }

  /** When the next batch is loaded. */
  get nextS(): number {
    let nextS = Number.POSITIVE_INFINITY
    for (const { doneS } of this.#loading.values()) nextS = Math.min(nextS, doneS)
    return nextS
  }

  /** Batches that are loaded by now. */
  take(now: number): MapReport[] {
    const reports: MapReport[] = []
    for (const [domain, { message, doneS }] of this.#loading) {
      if (doneS > now) continue
      reports.push(message)
      for (const page of message.pages) this.#store(domain, page)
      this.#loading.delete(domain)
      this.#begin(domain, now)
    }
    return reports
  }

  #store(domain: number, page: Page): void {
    this.store(domain, this.#options.entryOf(page.region, page.expert))
    this.loadedBytes += this.#bytes(page)
  }

  #begin(domain: number, now: number): void {
    const message = this.#waiting.get(domain)?.shift()
    if (message === undefined) return
    const doneS = now + message.pages.reduce((sum, page) => sum + this.#seconds(domain, page), 0)
    this.#loading.set(domain, { message, doneS })
  }

  #seconds(domain: number, page: Page): number {
    const { domains, entryOf, headBytesPerSecond } = this.#options
    const { diskBytesPerSecond, nicBytesPerSecond } = defined(domains[domain], 'a domain')
    const entry = entryOf(page.region, page.expert)
    const bytes = this.#bytes(page)
    if (this.#stored[domain]?.[entry] === 1) return bytes / diskBytesPerSecond
    // From the head all who load share its port.
    const headRate = headBytesPerSecond / Math.max(1, this.#loading.size)
    return bytes / Math.min(nicBytesPerSecond, this.#isStored(entry) ? nicBytesPerSecond : headRate)
  }

  #bytes({ region }: Page): number {
    return defined(this.#options.regions[region], 'region of a page').pageBytes
  }
}

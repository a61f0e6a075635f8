/**
 * Which domains hold each page: up to R ids for each expert of each region, in typed arrays. Knows
 * nothing of epochs, bytes and of what a domain is.
 */
import { assert } from '../base/assert.js'

export type RegionSize = { readonly experts: number }

/** One expert of one region. */
export type Page = { readonly region: number; readonly expert: number }

/** Stands where there is no holder; so domain ids end one below. */
export const NO_DOMAIN = 0xffff
export const REPLICAS_MAX = 8

/** Sizes come from model files: this is some 64 times the largest model known. */
const ENTRIES_MAX = 1 << 22

export class HolderTable {
  readonly regions: readonly RegionSize[]
  readonly replicas: number
  /** First entry of each region, and one past the last. */
  readonly #starts: Uint32Array
  /** [replicas, entries]; ids ascend, then NO_DOMAIN. */
  readonly #holders: Uint16Array
  readonly #counts: Uint8Array

  constructor(regions: readonly RegionSize[], replicas = 1) {
    assert(replicas >= 1 && replicas <= REPLICAS_MAX, `${replicas} replicas are not 1 to 8`)
    this.regions = regions
    this.replicas = replicas
    this.#starts = new Uint32Array(regions.length + 1)
    let entries = 0
    regions.forEach(({ experts }, region) => {
      entries += experts
      assert(entries <= ENTRIES_MAX, 'more pages than a table takes')
      this.#starts[region + 1] = entries
    })
    this.#holders = new Uint16Array(entries * replicas).fill(NO_DOMAIN)
    this.#counts = new Uint8Array(entries)
  }

  copy(): HolderTable {
    const copy = new HolderTable(this.regions, this.replicas)
    copy.#holders.set(this.#holders)
    copy.#counts.set(this.#counts)
    return copy
  }

  get entries(): number {
    return this.#counts.length
  }

  get bytes(): number {
    return this.#starts.byteLength + this.#holders.byteLength + this.#counts.byteLength
  }

  /** Number of a page in this table. */
  entry(region: number, expert: number): number {
    const start = this.#starts[region]
    const end = this.#starts[region + 1]
    const exists = start !== undefined && end !== undefined && expert >= 0 && start + expert < end
    assert(exists, `page (${region}, ${expert}) does not exist`)
    return start + expert
  }

  /** Whether there is such a page. */
  isPage({ region, expert }: Page): boolean {
    return expert >= 0 && expert < (this.regions[region]?.experts ?? 0)
  }

  page(entry: number): Page {
    let low = 0
    let high = this.regions.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#starts[middle] ?? 0) <= entry) low = middle
      else high = middle
    }
    return { region: low, expert: entry - (this.#starts[low] ?? 0) }
  }

  /** Domains of each expert of a region, [replicas, experts]; a view of the table. */
  holders(region: number): Uint16Array {
    assert(this.regions[region] !== undefined, `region ${region} does not exist`)
    const start = this.#starts[region] ?? 0
    const end = this.#starts[region + 1] ?? 0
    return this.#holders.subarray(start * this.replicas, end * this.replicas)
  }

  count(entry: number): number {
    return this.#counts[entry] ?? 0
  }

  /** Ids in ascending order. */
  holdersOf(entry: number): number[] {
    const start = entry * this.replicas
    return [...this.#holders.subarray(start, start + this.count(entry))]
  }

  has(entry: number, domain: number): boolean {
    const start = entry * this.replicas
    for (let at = start; at < start + this.count(entry); at++) {
      if (this.#holders[at] === domain) return true
    }
    return false
  }

  /** False when the domain holds it already or all replicas are taken. */
  add(entry: number, domain: number): boolean {
    assert(domain >= 0 && domain < NO_DOMAIN, `domain ${domain} is no id`)
    const count = this.count(entry)
    if (count === this.replicas || this.has(entry, domain)) return false
    const start = entry * this.replicas
    let at = start + count
    while (at > start && (this.#holders[at - 1] ?? 0) > domain) {
      this.#holders[at] = this.#holders[at - 1] ?? NO_DOMAIN
      at--
    }
    this.#holders[at] = domain
    this.#counts[entry] = count + 1
    return true
  }

  /** False when the domain did not hold it. */
  remove(entry: number, domain: number): boolean {
    const start = entry * this.replicas
    const end = start + this.count(entry)
    const at = this.#holders.subarray(start, end).indexOf(domain)
    if (at < 0) return false
    this.#holders.copyWithin(start + at, start + at + 1, end)
    this.#holders[end - 1] = NO_DOMAIN
    this.#counts[entry] = this.count(entry) - 1
    return true
  }

  /** Takes a domain out of all entries; returns how many named it. */
  removeDomain(domain: number): number {
    let removed = 0
    for (let at = 0; at < this.#holders.length; at++) {
      if (this.#holders[at] !== domain) continue
      this.remove(Math.floor(at / this.replicas), domain)
      removed++
    }
    return removed
  }

  clear(): void {
    this.#holders.fill(NO_DOMAIN)
    this.#counts.fill(0)
  }

  /** Entries that nobody holds. */
  orphans(): number[] {
    const found: number[] = []
    this.#counts.forEach((count, entry) => {
      if (count === 0) found.push(entry)
    })
    return found
  }
}

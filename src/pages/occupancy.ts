/**
 * A table of holders along with the bytes each domain has in use: no domain gets more than it can
 * hold. Domains are positions in the list of quotas here; the table has their ids.
 */
import { assert, defined } from '../base/assert.js'
import type { Quota, RegionPages } from './capacity.js'
import type { HolderTable } from './holder-table.js'

export type OccupancyOptions = {
  readonly table: HolderTable
  readonly regions: readonly RegionPages[]
  readonly quotas: readonly Quota[]
}

export class Occupancy {
  readonly table: HolderTable
  readonly regions: readonly RegionPages[]
  readonly quotas: readonly Quota[]
  readonly #usedBytes: Float64Array
  /** Pages of a domain in a region, [domains, regions]. */
  readonly #pages: Uint32Array
  readonly #positions: ReadonlyMap<number, number>

  constructor({ table, regions, quotas }: OccupancyOptions) {
    this.table = table
    this.regions = regions
    this.quotas = quotas
    this.#usedBytes = new Float64Array(quotas.length)
    this.#pages = new Uint32Array(quotas.length * regions.length)
    this.#positions = new Map(quotas.map(({ id }, at): [number, number] => [id, at]))
    assert(this.#positions.size === quotas.length, 'two domains of one id')
  }

  get domains(): number {
    return this.quotas.length
  }

  /** Undefined for a domain that is not to hold anything. */
  positionOf(id: number): number | undefined {
    return this.#positions.get(id)
  }

  quota(at: number): Quota {
    return defined(this.quotas[at], 'quota of a domain')
  }

  usedBytes(at: number): number {
    return this.#usedBytes[at] ?? 0
  }

  freeBytes(at: number): number {
    return this.quota(at).capacityBytes - this.usedBytes(at)
  }

  /** Bytes that a domain lacks to what it should hold; negative when it holds more. */
  shortBytes(at: number): number {
    return this.quota(at).quotaBytes - this.usedBytes(at)
  }

  pageBytes(region: number): number {
    return defined(this.regions[region], 'region of a page').pageBytes
  }

  pages(region: number, at: number): number {
    return this.#pages[region * this.domains + at] ?? 0
  }

  /** Pages of a region that a domain lacks to its even share. */
  shortPages(region: number, { at, modelBytes }: { at: number; modelBytes: number }): number {
    const experts = this.regions[region]?.experts ?? 0
    const share = this.quota(at).quotaBytes / modelBytes
    return experts * share - this.pages(region, at)
  }

  holds(entry: number, at: number): boolean {
    return this.table.has(entry, this.quota(at).id)
  }

  positionsOf(entry: number): number[] {
    return this.table.holdersOf(entry).map((id) => defined(this.positionOf(id), 'position'))
  }

  /** False when there is no room. */
  add(entry: number, at: number): boolean {
    const { region } = this.table.page(entry)
    const bytes = this.pageBytes(region)
    if (this.freeBytes(at) < bytes || !this.table.add(entry, this.quota(at).id)) return false
    this.#count(region, { at, pages: 1 })
    return true
  }

  remove(entry: number, at: number): void {
    const { region } = this.table.page(entry)
    const isRemoved = this.table.remove(entry, this.quota(at).id)
    assert(isRemoved, 'a page that its domain does not hold')
    this.#count(region, { at, pages: -1 })
  }

  #count(region: number, { at, pages }: { at: number; pages: 1 | -1 }): void {
    const cell = region * this.domains + at
    this.#usedBytes[at] = this.usedBytes(at) + pages * this.pageBytes(region)
    this.#pages[cell] = (this.#pages[cell] ?? 0) + pages
  }
}

/**
 * The first level of the page table: which domain holds an expert of a region. Knows nothing of
 * cards and slots, and nothing of how domains are reached.
 */
import { assert } from '../base/assert.js'

export type RegionSize = { readonly experts: number }

export class Directory {
  readonly #holders: readonly Uint16Array[]
  /** Version of the placement; every change makes a new one. */
  #epoch = 0

  constructor(regions: readonly RegionSize[]) {
    this.#holders = regions.map(({ experts }) => new Uint16Array(experts))
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Makes `placement[region][expert]` the domain of each expert. */
  place(placement: readonly (readonly number[])[]): void {
    assert(placement.length === this.#holders.length, 'a placement for other regions')
    placement.forEach((domains, region) => {
      const holders = this.#holders[region]
      assert(holders?.length === domains.length, `a placement for other experts (${region})`)
      holders.set(domains)
    })
    this.#epoch++
  }

  /** Domain of each expert of a region; a view that later placements change. */
  holders(region: number): Uint16Array {
    const holders = this.#holders[region]
    assert(holders !== undefined, `region ${region} does not exist`)
    return holders
  }
}

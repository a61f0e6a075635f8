/** How many pages the cards of the head's own host have room for, and which they begin with. */
import { heldBytes, type RegionPages, totalBytes } from '../pages/capacity.js'
import { dealPages } from '../pages/placement.js'
import type { EngineConfig } from './protocol.js'

export class OwnRoom {
  readonly #regions: readonly RegionPages[]
  /** Share of each region's experts that one card has room for. */
  readonly #share: number
  /** Domain of each expert by region; -1: none of them has room for it. */
  readonly placement: readonly (readonly number[])[]

  constructor(regions: readonly RegionPages[], { cards, cardMemory }: EngineConfig) {
    this.#regions = regions
    this.#share = Math.min(1, (cardMemory ?? Number.POSITIVE_INFINITY) / totalBytes(regions))
    const counts = regions.map(() => new Uint32Array(cards))
    this.placement = dealPages(regions, cards).map((domains, region) =>
      domains.map((domain) => {
        const held = counts[region]?.[domain] ?? 0
        if (held >= this.slots(region)) return -1
        counts[region]?.fill(held + 1, domain, domain + 1)
        return domain
      }),
    )
  }

  /** Pages of a region that one card has room for. */
  slots(region: number): number {
    return Math.floor(this.#share * (this.#regions[region]?.experts ?? 0))
  }

  /** Memory for pages of one card. */
  get cardBytes(): number {
    return heldBytes(this.#regions, (region) => this.slots(region))
  }
}

/** Counts how often the router chose each expert. Knows nothing of who computes it. */
import type { RouterChoice } from '../fleet/partition.js'
import type { RegionSize } from '../pages/holder-table.js'

export class ExpertCalls {
  readonly #counts: readonly Float64Array[]

  constructor(regions: readonly RegionSize[]) {
    this.#counts = regions.map(({ experts }) => new Float64Array(experts))
  }

  note(region: number, { experts, tokens, nUsed }: RouterChoice): void {
    const counts = this.#counts[region]
    if (counts === undefined) return
    for (let pair = 0; pair < tokens * nUsed; pair++) {
      const expert = experts[pair] ?? -1
      if (expert >= 0 && expert < counts.length) counts[expert] = (counts[expert] ?? 0) + 1
    }
  }

  /** By expert. */
  of(region: number): number[] {
    return [...(this.#counts[region] ?? [])]
  }
}

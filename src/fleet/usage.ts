/** How often each expert was chosen, of late and in all. Pure; knows nothing of where experts are. */
import type { RouterChoice } from './partition.js'

/** Counts are halved when a region's largest gets here, so that what is long ago weighs less. */
const COUNT_MAX = 65_536

export class Usage {
  /** Of late, by region and expert: what a placement goes by. */
  readonly popularity: readonly Float32Array[]
  /** In all. */
  readonly calls: readonly Float64Array[]
  #tokens = 0

  constructor(regions: readonly { readonly experts: number }[]) {
    this.popularity = regions.map(({ experts }) => new Float32Array(experts))
    this.calls = regions.map(({ experts }) => new Float64Array(experts))
  }

  /** Tokens counted so far, over all regions. */
  get tokens(): number {
    return this.#tokens
  }

  note({ experts, tokens, nUsed }: RouterChoice, region: number): void {
    const popularity = this.popularity[region]
    const calls = this.calls[region]
    if (popularity === undefined || calls === undefined) return
    this.#tokens += tokens
    let isFull = false
    for (let pair = 0; pair < tokens * nUsed; pair++) {
      const expert = experts[pair] ?? -1
      if (expert < 0) continue
      const count = (popularity[expert] ?? 0) + 1
      popularity[expert] = count
      calls[expert] = (calls[expert] ?? 0) + 1
      isFull ||= count >= COUNT_MAX
    }
    if (isFull)
      popularity.forEach((count, expert) => {
        popularity[expert] = count / 2
      })
  }
}

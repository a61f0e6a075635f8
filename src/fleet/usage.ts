/**
 * How often each expert was chosen, of late and in all, and which experts the last tokens chose
 * together. Pure; knows nothing of where experts are.
 */
import type { TokenSamples } from '../pages/token-samples.js'
import type { RouterChoice } from './partition.js'

/** Counts are halved when a region's largest gets here, so that what is long ago weighs less. */
const COUNT_MAX = 65_536
/** Tokens whose choices are kept, of each region. */
const SAMPLES = 2048
/** Of one step: a long prompt must not push all others out. */
const SAMPLES_PER_STEP = 16
const NOBODY = 0xffff

export class Usage {
  /** Of late, by region and expert: what a placement goes by. */
  readonly popularity: readonly Float32Array[]
  readonly #calls: readonly Float64Array[]
  readonly #samples: (TokenSamples & { next: number })[] = []
  #tokens = 0

  constructor(regions: readonly { readonly experts: number }[]) {
    this.popularity = regions.map(({ experts }) => new Float32Array(experts))
    this.#calls = regions.map(({ experts }) => new Float64Array(experts))
  }

  /** Tokens counted so far, over all regions. */
  get tokens(): number {
    return this.#tokens
  }

  /** Calls in all, by expert. */
  of(region: number): number[] {
    return [...(this.#calls[region] ?? [])]
  }

  /** By region; none where nothing was computed yet. */
  get samples(): readonly (TokenSamples | undefined)[] {
    return this.popularity.map((_, region) => this.#samples[region])
  }

  note(choice: RouterChoice, region: number): void {
    this.#tokens += choice.tokens
    this.#count(choice, region)
    this.#sample(choice, region)
  }

  #count({ experts, tokens, nUsed }: RouterChoice, region: number): void {
    const popularity = this.popularity[region]
    const calls = this.#calls[region]
    if (popularity === undefined || calls === undefined) return
    let isFull = false
    for (let pair = 0; pair < tokens * nUsed; pair++) {
      const expert = experts[pair] ?? -1
      if (expert < 0) continue
      const count = (popularity[expert] ?? 0) + 1
      popularity[expert] = count
      calls[expert] = (calls[expert] ?? 0) + 1
      isFull ||= count >= COUNT_MAX
    }
    if (isFull) for (let at = 0; at < popularity.length; at++) halve(popularity, at)
  }

  #sample({ experts, tokens, nUsed }: RouterChoice, region: number): void {
    this.#samples[region] ??= { nUsed, experts: newSamples(nUsed), next: 0 }
    const samples = this.#samples[region]
    if (samples === undefined || samples.nUsed !== nUsed) return
    for (let token = 0; token < Math.min(tokens, SAMPLES_PER_STEP); token++) {
      const target = (samples.next++ % SAMPLES) * nUsed
      for (let slot = 0; slot < nUsed; slot++) {
        const expert = experts[token * nUsed + slot] ?? -1
        samples.experts[target + slot] = expert < 0 ? NOBODY : expert
      }
    }
  }
}

function newSamples(nUsed: number): Uint16Array {
  return new Uint16Array(SAMPLES * nUsed).fill(NOBODY)
}

function halve(counts: Float32Array, at: number): void {
  counts[at] = (counts[at] ?? 0) / 2
}

/**
 * How often each expert of each layer is chosen. Knows nothing of tokens and of who holds experts.
 */
import { assert } from '../../base/assert.js'
import { Prng, shuffle } from '../../base/prng.js'
import type { Popularity as Law } from '../../plan/cost/routing.js'

export type Popularity =
  | Law
  /** Counted choices, [layer][expert]; layers beyond the last begin again with the first. */
  | { readonly kind: 'counts'; readonly counts: readonly (readonly number[])[] }

/**
 * Shares of each expert by region, each region's of sum 1. Which experts are the popular ones
 * differs by region: a Zipf law tells only how unequal they are.
 */
export function expertShares(
  popularity: Popularity,
  { regions, experts, seed }: { regions: number; experts: number; seed: number },
): Float32Array[] {
  const prng = Prng.fromSeed(seed)
  return Array.from({ length: regions }, (_, region) =>
    normalised(weightsOf(popularity, { region, experts, prng })),
  )
}

function weightsOf(
  popularity: Popularity,
  { region, experts, prng }: { region: number; experts: number; prng: Prng },
): number[] {
  if (popularity.kind === 'uniform') return new Array<number>(experts).fill(1)
  if (popularity.kind === 'counts') {
    const { counts } = popularity
    const row = counts[region % counts.length] ?? []
    assert(row.length === experts, `counts of ${row.length} experts, but a layer has ${experts}`)
    return [...row]
  }
  const weights = Array.from({ length: experts }, (_, rank) => (rank + 1) ** -popularity.exponent)
  return shuffle(weights, prng)
}

function normalised(weights: readonly number[]): Float32Array {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return Float32Array.from(weights, (weight) => weight / sum)
}

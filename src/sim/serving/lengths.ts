/** How many tokens a prompt or an answer has: always the same, spread, or as others were. */
import type { Prng } from '../../base/prng.js'

export type Lengths =
  | { readonly kind: 'fixed'; readonly tokens: number }
  /** `sigma`: standard deviation of the logarithm. */
  | { readonly kind: 'lognormal'; readonly median: number; readonly sigma: number }
  /** One of these, each as likely. */
  | { readonly kind: 'empirical'; readonly values: ArrayLike<number> }

/** At least 1 and at most `max` tokens: longer ones are cut. */
export function drawLength(lengths: Lengths, prng: Prng, max: number): number {
  return Math.min(max, Math.max(1, Math.round(drawRaw(lengths, prng))))
}

function drawRaw(lengths: Lengths, prng: Prng): number {
  switch (lengths.kind) {
    case 'fixed':
      return lengths.tokens
    case 'lognormal':
      return lengths.median * Math.exp(lengths.sigma * prng.nextGaussian())
    case 'empirical':
      return lengths.values[prng.nextBelow(lengths.values.length)] ?? 1
  }
}

/** Before anything is cut. */
export function meanLength(lengths: Lengths): number {
  switch (lengths.kind) {
    case 'fixed':
      return lengths.tokens
    case 'lognormal':
      return lengths.median * Math.exp(lengths.sigma ** 2 / 2)
    case 'empirical':
      return (
        Array.from(lengths.values).reduce((sum, value) => sum + value, 0) / lengths.values.length
      )
  }
}

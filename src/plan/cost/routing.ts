/**
 * Which experts and which holders the tokens of a step need, in expectation. Tokens choose
 * independently; that neighbours choose alike, and that placement makes use of it, is left out, so
 * that the estimates err on the slow side.
 */

/** `zipf`: the r-th most popular expert is chosen in proportion to r^-exponent. */
export type Popularity =
  | { readonly kind: 'uniform' }
  | { readonly kind: 'zipf'; readonly exponent: number }

export const UNIFORM: Popularity = { kind: 'uniform' }

/** The experts of one layer and how tokens choose among them. */
export class Routing {
  readonly experts: number
  readonly expertsUsed: number
  /** Chance of each expert to be among those a token uses; their sum is `expertsUsed`. */
  readonly #chances: Float64Array
  readonly #isUniform: boolean
  readonly #distinct = new Map<number, number>()

  constructor(
    { experts, expertsUsed }: { readonly experts: number; readonly expertsUsed: number },
    popularity: Popularity = UNIFORM,
  ) {
    this.experts = experts
    this.expertsUsed = expertsUsed
    this.#isUniform = popularity.kind === 'uniform'
    this.#chances =
      popularity.kind === 'uniform'
        ? new Float64Array(experts).fill(expertsUsed / experts)
        : inclusionChances(zipfWeights(experts, popularity.exponent), expertsUsed)
  }

  /** Chance that a token uses the most popular expert. */
  get hottest(): number {
    return this.#chances[0] ?? 0
  }

  /** Distinct experts that `tokens` tokens use: the sum over experts of 1 - (1 - chance)^tokens. */
  distinctExperts(tokens: number): number {
    if (this.#isUniform) return this.experts * (1 - (1 - this.hottest) ** tokens)
    const known = this.#distinct.get(tokens)
    if (known !== undefined) return known
    const sum = this.#chances.reduce((all, chance) => all + 1 - (1 - chance) ** tokens, 0)
    this.#distinct.set(tokens, sum)
    return sum
  }

  /**
   * Chance that a token needs a holder of `share` (0 to 1) of the experts: one minus that of
   * drawing all its experts from the others, without putting back.
   */
  holderChance(share: number): number {
    const held = share * this.experts
    let missed = 1
    for (let drawn = 0; drawn < this.expertsUsed; drawn++) {
      missed *= Math.max(0, 1 - held / (this.experts - drawn))
    }
    return 1 - missed
  }
}

/** Expected largest of `bins` loads of `mean`, about normal with the variance of Poisson counts. */
export function largestLoad(mean: number, bins: number): number {
  return mean + Math.sqrt(2 * mean * Math.log(Math.max(1, bins)))
}

function zipfWeights(experts: number, exponent: number): Float64Array {
  return Float64Array.from({ length: experts }, (_, rank) => (rank + 1) ** -exponent)
}

/** Chances 1 - exp(-c weight), with c such that they add up to `used`; exact for equal weights. */
function inclusionChances(weights: Float64Array, used: number): Float64Array {
  if (used >= weights.length) return weights.map(() => 1)
  const chancesAt = (c: number): Float64Array => weights.map((weight) => -Math.expm1(-c * weight))
  const sumAt = (c: number): number => chancesAt(c).reduce((sum, chance) => sum + chance, 0)
  let high = 1
  while (sumAt(high) < used) high *= 2
  let low = 0
  for (let round = 0; round < HALVINGS; round++) {
    const middle = (low + high) / 2
    if (sumAt(middle) < used) low = middle
    else high = middle
  }
  return chancesAt(high)
}

/** Of a double's mantissa, so that the chances are as exact as can be. */
const HALVINGS = 60

/** Draws from a fixed distribution in constant time (Walker 1977, built as by Vose 1991). */
import { assert, defined } from '../../base/assert.js'
import type { Prng } from '../../base/prng.js'

export class AliasTable {
  readonly #keep: Float64Array
  readonly #alias: Uint32Array

  /** `weights`: not negative, with a sum above 0. */
  constructor(weights: ArrayLike<number>) {
    const count = weights.length
    const scaled = Float64Array.from(weights)
    const sum = scaled.reduce((total, weight) => total + weight, 0)
    assert(sum > 0 && Number.isFinite(sum), 'weights without a sum')
    this.#keep = new Float64Array(count).fill(1)
    this.#alias = Uint32Array.from({ length: count }, (_, at) => at)
    const small: number[] = []
    const large: number[] = []
    scaled.forEach((weight, at) => {
      scaled[at] = (weight * count) / sum
      if ((scaled[at] ?? 0) < 1) small.push(at)
      else large.push(at)
    })
    while (small.length > 0 && large.length > 0) {
      const less = defined(small.pop(), 'a small weight')
      const more = defined(large.pop(), 'a large weight')
      this.#keep[less] = scaled[less] ?? 0
      this.#alias[less] = more
      scaled[more] = (scaled[more] ?? 0) - (1 - (scaled[less] ?? 0))
      if ((scaled[more] ?? 0) < 1) small.push(more)
      else large.push(more)
    }
  }

  draw(prng: Prng): number {
    const at = prng.nextBelow(this.#keep.length)
    return prng.nextFloat() < (this.#keep[at] ?? 1) ? at : (this.#alias[at] ?? at)
  }
}

/**
 * Stands for the model's routers: draws the experts that tokens choose. Knows nothing of who holds
 * them.
 */
import { assert, defined } from '../../base/assert.js'
import type { Prng } from '../../base/prng.js'
import type { RouterChoice } from '../../fleet/partition.js'
import { AliasTable } from './alias-table.js'

/** After so many experts in a row that the token has already, the rest is drawn by weight. */
const VAIN_MAX = 64

export class Router {
  readonly #prng: Prng
  readonly #nUsed: number
  readonly #shares: readonly Float32Array[]
  readonly #tables: readonly AliasTable[]
  #experts = new Int32Array(0)
  #weights = new Float32Array(0)

  /** `shares`: of each expert by region; at least `nUsed` of a region above 0. */
  constructor(shares: readonly Float32Array[], { nUsed, prng }: { nUsed: number; prng: Prng }) {
    for (const region of shares) {
      const usable = region.reduce((count, share) => count + Number(share > 0), 0)
      assert(usable >= nUsed, `${usable} experts are ever chosen, but a token needs ${nUsed}`)
    }
    this.#prng = prng
    this.#nUsed = nUsed
    this.#shares = shares
    this.#tables = shares.map((region) => new AliasTable(region))
  }

  get regions(): number {
    return this.#shares.length
  }

  /**
   * Experts of some tokens of a region: each token draws one after the other, none twice. The
   * arrays are used again by the next call.
   */
  choose(region: number, tokens: number): RouterChoice {
    const pairs = tokens * this.#nUsed
    if (this.#experts.length < pairs) {
      this.#experts = new Int32Array(pairs)
      this.#weights = new Float32Array(pairs)
    }
    for (let start = 0; start < pairs; start += this.#nUsed) this.#chooseOne(region, start)
    const experts = this.#experts.subarray(0, pairs)
    return { tokens, nUsed: this.#nUsed, experts, weights: this.#weights.subarray(0, pairs) }
  }

  #chooseOne(region: number, start: number): void {
    const experts = this.#experts
    const table = defined(this.#tables[region], 'region of a router')
    let vain = 0
    for (let at = start; at < start + this.#nUsed; ) {
      const expert = vain < VAIN_MAX ? table.draw(this.#prng) : this.#drawOther(region, start, at)
      if (isAmong(experts, expert, start, at)) {
        vain++
        continue
      }
      experts[at++] = expert
    }
  }

  /** One of those that the token does not have, by their shares. */
  #drawOther(region: number, start: number, end: number): number {
    const left = Float64Array.from(defined(this.#shares[region], 'region of a router'))
    for (let at = start; at < end; at++) left[this.#experts[at] ?? 0] = 0
    let point = this.#prng.nextFloat() * left.reduce((sum, share) => sum + share, 0)
    const found = left.findIndex((share) => {
      point -= share
      return share > 0 && point < 0
    })
    return found >= 0 ? found : left.findLastIndex((share) => share > 0)
  }
}

function isAmong(experts: Int32Array, expert: number, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (experts[at] === expert) return true
  return false
}

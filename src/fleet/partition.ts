/**
 * Splits the (token, expert) pairs of one region and step by the domain that holds the expert. Each
 * domain is asked once for a token, however many of the token's experts it holds. Pure.
 */
import { defined } from '../base/assert.js'
import { NO_DOMAIN } from '../pages/holder-table.js'

/** Of a pair that is no pair: the token wants fewer experts. */
export const NO_EXPERT = -1

export type RouterChoice = {
  readonly tokens: number
  readonly nUsed: number
  /** [nUsed, tokens] */
  readonly experts: Int32Array
  /** [nUsed, tokens] */
  readonly weights: Float32Array
}

/** What one domain is to compute; arrays are reused from step to step and only valid in it. */
export type Share = {
  tokenCount: number
  pairCount: number
  tokens: Uint32Array
  counts: Uint16Array
  experts: Uint16Array
  weights: Float32Array
  /** Index of each pair in the choice. */
  places: Uint32Array
}

export class Partition {
  /** Of domains that were given anything so far; `NOTHING` for the others. */
  readonly #shares: Share[]

  /** Room for domains of ids below `domains`, and for the pairs of nobody. */
  constructor(domains: number) {
    this.#shares = new Array<Share>(domains + 1).fill(NOTHING)
  }

  /** A share per domain, by the domain of each pair; the last share has those of NO_DOMAIN. */
  split(choice: RouterChoice, owners: Uint16Array): readonly Share[] {
    const { tokens, nUsed, experts, weights } = choice
    for (const share of this.#shares) if (share !== NOTHING) prepare(share, choice)
    let pair = 0
    for (let token = 0; token < tokens; token++) {
      for (let slot = 0; slot < nUsed; slot++, pair++) {
        if (experts[pair] === NO_EXPERT) continue
        const owner = owners[pair] ?? NO_DOMAIN
        const at = owner === NO_DOMAIN ? this.#shares.length - 1 : owner
        const share = this.#share(at, choice)
        countToken(share, token)
        share.experts[share.pairCount] = experts[pair] ?? 0
        share.weights[share.pairCount] = weights[pair] ?? 0
        share.places[share.pairCount] = pair
        share.pairCount++
      }
    }
    return this.#shares
  }

  #share(at: number, choice: RouterChoice): Share {
    const share = defined(this.#shares[at], 'domain of a pair')
    if (share !== NOTHING) return share
    const fresh = emptyShare(16, 128)
    prepare(fresh, choice)
    this.#shares[at] = fresh
    return fresh
  }
}

/** Counts one more pair of a token, which is a new one unless it is the last. */
function countToken(share: Share, token: number): void {
  const last = share.tokenCount - 1
  if (last >= 0 && share.tokens[last] === token) {
    share.counts[last] = (share.counts[last] ?? 0) + 1
    return
  }
  share.tokens[share.tokenCount] = token
  share.counts[share.tokenCount] = 1
  share.tokenCount++
}

function prepare(share: Share, choice: RouterChoice): void {
  const pairs = choice.tokens * choice.nUsed
  if (share.tokens.length < choice.tokens || share.experts.length < pairs) {
    Object.assign(share, emptyShare(choice.tokens, pairs))
  }
  share.tokenCount = 0
  share.pairCount = 0
}

const NOTHING = emptyShare(0, 0)

function emptyShare(tokens: number, pairs: number): Share {
  return {
    tokenCount: 0,
    pairCount: 0,
    tokens: new Uint32Array(tokens),
    counts: new Uint16Array(tokens),
    experts: new Uint16Array(pairs),
    weights: new Float32Array(pairs),
    places: new Uint32Array(pairs),
  }
}

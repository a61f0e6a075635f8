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
  readonly #shares: Share[]

  constructor(domains: number) {
    this.#shares = Array.from({ length: domains }, () => emptyShare(16, 128))
  }

  /** A share per domain; those without pairs have no tokens. */
  split(choice: RouterChoice, holders: Uint16Array): readonly Share[] {
    for (const share of this.#shares) prepare(share, choice)
    for (let token = 0; token < choice.tokens; token++) this.#splitToken(token, choice, holders)
    return this.#shares
  }

  /** As `split`, by the domain of each pair; pairs of NO_DOMAIN are in no share. */
  splitOwned(choice: RouterChoice, owners: Uint16Array): readonly Share[] {
    const { tokens, nUsed, experts, weights } = choice
    for (const share of this.#shares) prepare(share, choice)
    let pair = 0
    for (let token = 0; token < tokens; token++) {
      for (let slot = 0; slot < nUsed; slot++, pair++) {
        const owner = owners[pair] ?? NO_DOMAIN
        if (owner === NO_DOMAIN) continue
        const share = defined(this.#shares[owner], 'domain of a pair')
        countToken(share, token)
        share.experts[share.pairCount] = experts[pair] ?? 0
        share.weights[share.pairCount] = weights[pair] ?? 0
        share.places[share.pairCount] = pair
        share.pairCount++
      }
    }
    return this.#shares
  }

  #splitToken(token: number, choice: RouterChoice, holders: Uint16Array): void {
    const start = token * choice.nUsed
    for (let pair = start; pair < start + choice.nUsed; pair++) {
      const expert = choice.experts[pair] ?? 0
      const share = defined(this.#shares[holders[expert] ?? 0], 'domain of an expert')
      addPair(share, { token, pair, expert, weight: choice.weights[pair] ?? 0 })
    }
  }
}

function addPair(
  share: Share,
  { token, pair, expert, weight }: { token: number; pair: number; expert: number; weight: number },
): void {
  countToken(share, token)
  share.experts[share.pairCount] = expert
  share.weights[share.pairCount] = weight
  share.places[share.pairCount] = pair
  share.pairCount++
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

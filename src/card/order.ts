/**
 * Arranges the (token, expert) pairs of a dispatch for the kernel. When all tokens want equally
 * many experts the pairs form a rectangle; otherwise they are laid out in rounds: first pairs of
 * all tokens, then second pairs of those that have two, and so on, so that each round adds onto the
 * beginning of the one before. Pure numbers.
 */

export type PairOrder = {
  /** Experts per token when all tokens have the same number, else 0. */
  readonly perToken: number
  /** Tokens in the order of the result; identity for a rectangle. */
  readonly tokens: Uint32Array
  /** Tokens with more than j experts, for each round j. */
  readonly rounds: readonly number[]
  /** Source pair of each pair in kernel order. */
  readonly pairs: Uint32Array
}

export function orderPairs(counts: ArrayLike<number>, pairCount: number): PairOrder {
  const tokenCount = counts.length
  const first = counts[0] ?? 0
  let isRectangle = true
  for (let token = 1; token < tokenCount; token++) {
    if (counts[token] !== first) isRectangle = false
  }
  return isRectangle ? rectangle(tokenCount, first) : rounds(counts, pairCount)
}

function rectangle(tokenCount: number, perToken: number): PairOrder {
  return {
    perToken,
    tokens: Uint32Array.from({ length: tokenCount }, (_, token) => token),
    rounds: new Array<number>(perToken).fill(tokenCount),
    pairs: Uint32Array.from({ length: tokenCount * perToken }, (_, pair) => pair),
  }
}

function rounds(counts: ArrayLike<number>, pairCount: number): PairOrder {
  const starts = startsOf(counts)
  const tokens = Uint32Array.from({ length: counts.length }, (_, token) => token)
  tokens.sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b)
  const sizes: number[] = []
  const pairs = new Uint32Array(pairCount)
  let at = 0
  for (let round = 0; at < pairCount; round++) {
    let size = 0
    for (const token of tokens) {
      if ((counts[token] ?? 0) <= round) break
      pairs[at++] = (starts[token] ?? 0) + round
      size++
    }
    sizes.push(size)
  }
  return { perToken: 0, tokens, rounds: sizes, pairs }
}

function startsOf(counts: ArrayLike<number>): Uint32Array {
  const starts = new Uint32Array(counts.length)
  let sum = 0
  for (let token = 0; token < counts.length; token++) {
    starts[token] = sum
    sum += counts[token] ?? 0
  }
  return starts
}

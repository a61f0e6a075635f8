/**
 * Arranges the (token, expert) pairs of a dispatch for the kernel. When all tokens want equally
 * many experts the pairs form a rectangle and stay as they are. Otherwise they are laid out in
 * rounds: first pairs of all tokens, then second pairs of those that have two, and so on, so that
 * each round adds onto the beginning of the one before. Pure numbers.
 */

export type Rounds = {
  /** Tokens in the order of the result: most experts first. */
  readonly tokens: Uint32Array
  /** Tokens with more than j experts, for each round j. */
  readonly sizes: readonly number[]
  /** Source pair of each pair in kernel order. */
  readonly pairs: Uint32Array
}

/** Experts per token when all tokens have the same number, else 0. */
export function commonCount(
  counts: ArrayLike<number>,
  { from = 0, tokens = counts.length } = {},
): number {
  const first = counts[from] ?? 0
  for (let token = 1; token < tokens; token++) {
    if (counts[from + token] !== first) return 0
  }
  return first
}

export function orderRounds(counts: ArrayLike<number>): Rounds {
  const starts = startsOf(counts)
  const tokens = Uint32Array.from({ length: counts.length }, (_, token) => token)
  tokens.sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b)
  const pairs = new Uint32Array(starts[counts.length] ?? 0)
  const sizes: number[] = []
  let at = 0
  for (let round = 0; at < pairs.length; round++) {
    const begin = at
    for (const token of tokens) {
      if ((counts[token] ?? 0) <= round) break
      pairs[at++] = (starts[token] ?? 0) + round
    }
    sizes.push(at - begin)
  }
  return { tokens, sizes, pairs }
}

/** First pair of each token, and the number of all pairs at the end. */
function startsOf(counts: ArrayLike<number>): Uint32Array {
  const starts = new Uint32Array(counts.length + 1)
  for (let token = 0; token < counts.length; token++) {
    starts[token + 1] = (starts[token] ?? 0) + (counts[token] ?? 0)
  }
  return starts
}

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

/** Pairs of one slot, side by side in the order of `Groups.pairs`. */
export type Group = { readonly slot: number; readonly count: number }

export type Groups = {
  readonly groups: readonly Group[]
  /** Source pair of each pair, slot by slot; pairs of a slot keep their order. */
  readonly pairs: Uint32Array
}

/** Sorts pairs by slot; undefined when there are less than `rowsMin` per slot on average. */
export function groupBySlot(
  slots: Int32Array,
  { slotCount, rowsMin }: { slotCount: number; rowsMin: number },
): Groups | undefined {
  const counts = new Uint32Array(slotCount)
  for (const slot of slots) counts[slot] = (counts[slot] ?? 0) + 1
  const groups: Group[] = []
  const next = new Uint32Array(slotCount)
  let at = 0
  counts.forEach((count, slot) => {
    if (count === 0) return
    groups.push({ slot, count })
    next[slot] = at
    at += count
  })
  if (slots.length < rowsMin * groups.length) return undefined
  const pairs = new Uint32Array(slots.length)
  slots.forEach((slot, pair) => {
    const position = next[slot] ?? 0
    pairs[position] = pair
    next[slot] = position + 1
  })
  return { groups, pairs }
}

/** Synthetic choices of a router: tokens have topics, and experts of a topic fire together. */
import { Prng } from '../../src/base/prng.js'
import type { HolderTable } from '../../src/pages/holder-table.js'

/** Experts of each token. */
export type Trace = readonly (readonly number[])[]

/**
 * Experts belong to topics at random, the same for all seeds; two thirds of a token's experts are
 * of its topic, and some topics come up more often than others.
 */
export function drawTrace(options: {
  experts: number
  tokens: number
  top: number
  topics: number
  seed: number
}): Trace {
  const { experts, tokens, top, topics, seed } = options
  const shuffle = Prng.fromSeed(99)
  const keyed = Array.from({ length: experts }, (_, expert) => ({
    expert,
    key: shuffle.nextFloat(),
  })).sort((a, b) => a.key - b.key)
  const size = Math.floor(experts / topics)
  const prng = Prng.fromSeed(seed)
  return Array.from({ length: tokens }, () => {
    const topic = Math.floor(topics * prng.nextFloat() ** 1.3)
    const chosen = new Set<number>()
    while (chosen.size < top) {
      const isOwn = prng.nextBelow(3) < 2 && chosen.size < size
      const at = isOwn ? topic * size + prng.nextBelow(size) : prng.nextBelow(experts)
      chosen.add(keyed[at]?.expert ?? 0)
    }
    return [...chosen]
  })
}

export function countTogether(
  trace: Trace,
  experts: number,
): { popularity: Float32Array; together: Float32Array } {
  const popularity = new Float32Array(experts)
  const together = new Float32Array(experts * experts)
  for (const chosen of trace) {
    for (const a of chosen) {
      popularity[a] = (popularity[a] ?? 0) + 1
      for (const b of chosen) {
        if (a !== b) together[a * experts + b] = (together[a * experts + b] ?? 0) + 1
      }
    }
  }
  return { popularity, together }
}

/** Domains that get a token, when each expert goes to a holder that gets it anyway if there is one. */
export function copiesPerToken(table: HolderTable, trace: Trace): number {
  let copies = 0
  for (const chosen of trace) {
    const asked = new Set<number>()
    const open = chosen.map((expert) => table.holdersOf(expert))
    for (const holders of open) {
      if (!holders.some((id) => asked.has(id))) asked.add(mostNeeded(holders, open))
    }
    copies += asked.size
  }
  return copies / trace.length
}

function mostNeeded(holders: readonly number[], all: readonly (readonly number[])[]): number {
  const needs = (id: number): number => all.filter((other) => other.includes(id)).length
  return holders.reduce((a, b) => (needs(b) > needs(a) ? b : a))
}

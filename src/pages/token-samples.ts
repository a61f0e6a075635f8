/**
 * Which experts some tokens of a region chose, and what follows for a placement: how often two are
 * chosen together, and to how many domains a token has to go. Pure.
 */
import type { HolderTable } from './holder-table.js'

export type TokenSamples = {
  readonly nUsed: number
  /** [nUsed, tokens]; what is no expert of the region is nothing. */
  readonly experts: Uint16Array
}

/** Tokens that chose both, [experts, experts], symmetric. */
export function togetherOf(
  { nUsed, experts: chosen }: TokenSamples,
  experts: number,
): Float32Array {
  const together = new Float32Array(experts * experts)
  for (let token = 0; token < chosen.length; token += nUsed) {
    for (let i = 0; i < nUsed; i++) {
      const a = chosen[token + i] ?? experts
      if (a >= experts) continue
      for (let j = 0; j < nUsed; j++) {
        const b = chosen[token + j] ?? experts
        if (b < experts && b !== a) together[a * experts + b] = (together[a * experts + b] ?? 0) + 1
      }
    }
  }
  return together
}

/**
 * Domains that a token goes to, on average over the samples of all regions: each time the one that
 * holds most of what is left.
 */
export function copiesPerToken(
  table: HolderTable,
  samples: readonly (TokenSamples | undefined)[],
): number {
  let copies = 0
  let tokens = 0
  samples.forEach((sample, region) => {
    if (sample === undefined) return
    const { nUsed, experts } = sample
    for (let at = 0; at < experts.length; at += nUsed) {
      const chosen = [...experts.subarray(at, at + nUsed)].filter(
        (expert) => expert < (table.regions[region]?.experts ?? 0),
      )
      if (chosen.length === 0) continue
      tokens++
      copies += copiesOf(chosen.map((expert) => table.holdersOf(table.entry(region, expert))))
    }
  })
  return tokens === 0 ? 0 : copies / tokens
}

function copiesOf(holders: readonly (readonly number[])[]): number {
  let copies = 0
  for (let left = holders.filter((ids) => ids.length > 0); left.length > 0; copies++) {
    const best = mostCommon(left)
    left = left.filter((ids) => !ids.includes(best))
  }
  return copies
}

function mostCommon(lists: readonly (readonly number[])[]): number {
  const counts = new Map<number, number>()
  let best = -1
  for (const id of lists.flat()) {
    counts.set(id, (counts.get(id) ?? 0) + 1)
    if ((counts.get(id) ?? 0) > (counts.get(best) ?? 0)) best = id
  }
  return best
}

/**
 * How long a domain computes the experts of one layer: its cards share the experts, each expert is
 * one matrix product after the other, and the slowest card decides. Knows nothing of networks.
 */
import { assert, defined } from '../../base/assert.js'

export type ExpertCard = { readonly bytesPerSecond: number; readonly flopsPerSecond: number }

/** Of one expert: what is read once, and what each token that chose it computes. */
export type ExpertCost = { readonly pageBytes: number; readonly flopsPerPair: number }

export type DomainCards = {
  readonly cards: readonly ExpertCard[]
  /** Which card has an expert of the layer. */
  readonly cardOf: (expert: number) => number
  /** Of a call beside arithmetic: launches, sums. */
  readonly callS: number
}

/** `pairs` of each expert that was chosen. */
export function domainComputeS(
  pairs: ReadonlyMap<number, number>,
  { pageBytes, flopsPerPair }: ExpertCost,
  { cards, cardOf, callS }: DomainCards,
): number {
  assert(cards.length > 0, 'a domain has cards')
  if (pairs.size === 0) return 0
  const busyS = new Float64Array(cards.length)
  for (const [expert, count] of pairs) {
    const at = cardOf(expert)
    const { bytesPerSecond, flopsPerSecond } = defined(cards[at], 'card of an expert')
    const expertS = Math.max(pageBytes / bytesPerSecond, (count * flopsPerPair) / flopsPerSecond)
    busyS[at] = (busyS[at] ?? 0) + expertS
  }
  return callS + Math.max(...busyS)
}

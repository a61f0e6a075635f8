/**
 * Looks for a placement that serves the traffic of late better than the one there is: fewer copies
 * of a token, or less time of the slowest domain. Pure, but slow for large models.
 */
import type { DomainCapacity, RegionPages } from './capacity.js'
import { HolderTable } from './holder-table.js'
import { placePages, slowestLayerUs } from './placement.js'
import { copiesPerToken, type TokenSamples, togetherOf } from './token-samples.js'

/** Plain data: it goes to a thread as it is. */
export type TrafficRequest = {
  readonly regions: readonly RegionPages[]
  readonly domains: readonly DomainCapacity[]
  readonly replicas: number
  readonly popularity: readonly Float32Array[]
  readonly samples: readonly (TokenSamples | undefined)[]
  /** Of the placement there is: domains of each page, entry by entry. */
  readonly holders: readonly (readonly number[])[]
}

export type TrafficAnswer = {
  /** Undefined when nothing much better was found. */
  readonly wanted: readonly (readonly number[])[] | undefined
  readonly copies: { readonly before: number; readonly after: number }
  readonly slowestUs: { readonly before: number; readonly after: number }
}

/** What moving pages has to bring, as a share of what it is now. */
const COPIES_GAIN = 0.93
const TIME_GAIN = 0.8
/** What a gain of the one may cost of the other. */
const LOSS = 1.02

/** @throws SputnikError PLACEMENT_FULL */
export function betterPlacement(request: TrafficRequest): TrafficAnswer {
  const { regions, samples, holders } = request
  const together = samples.map((sample, region) => {
    const experts = regions[region]?.experts ?? 0
    return sample === undefined ? new Float32Array(experts * experts) : togetherOf(sample, experts)
  })
  const before = tableOf(request, holders)
  const after = placePages({ ...request, together })
  const copies = { before: copiesPerToken(before, samples), after: copiesPerToken(after, samples) }
  const slowestUs = {
    before: slowestLayerUs(before, request),
    after: slowestLayerUs(after, request),
  }
  const wanted = isWorthIt(copies, slowestUs) ? holdersOf(after) : undefined
  return { wanted, copies, slowestUs }
}

type Change = { readonly before: number; readonly after: number }

function isWorthIt(copies: Change, time: Change): boolean {
  const ratio = ({ before, after }: Change): number => (before > 0 ? after / before : 1)
  const saves = ratio(copies) <= COPIES_GAIN && ratio(time) <= LOSS
  return saves || (ratio(time) <= TIME_GAIN && ratio(copies) <= LOSS)
}

export function tableOf(
  { regions, replicas }: Pick<TrafficRequest, 'regions' | 'replicas'>,
  holders: readonly (readonly number[])[],
): HolderTable {
  const table = new HolderTable(regions, replicas)
  holders.forEach((ids, entry) => {
    for (const id of ids) table.add(entry, id)
  })
  return table
}

export function holdersOf(table: HolderTable): number[][] {
  return Array.from({ length: table.entries }, (_, entry) => table.holdersOf(entry))
}

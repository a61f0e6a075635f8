/**
 * Decides which domains hold which expert: by memory, by measured speed, and so that experts that
 * fire together need few copies of a token. Pure; knows nothing of how pages get where they belong.
 */
import { assert, defined } from '../base/assert.js'
import {
  type DomainCapacity,
  makeQuotas,
  type Quota,
  type RegionPages,
  totalBytes,
} from './capacity.js'
import { dealRegion } from './deal-region.js'
import { HolderTable, type RegionSize } from './holder-table.js'
import { improveRegion } from './improve-region.js'
import { Occupancy } from './occupancy.js'
import { balance, fillMissing, keepHolders } from './rebalance.js'
import { RegionPlan } from './region-plan.js'

/**
 * Deals the experts of each region to domains in turn, starting one further in each region, so that
 * every domain gets an equal share of every layer and of the whole: the placement for cards of one
 * host, which are alike.
 */
export function dealPages(regions: readonly RegionSize[], domains: number): number[][] {
  return regions.map(({ experts }, region) =>
    Array.from({ length: experts }, (_, expert) => (expert + region) % domains),
  )
}

/** Experts of each region that one domain holds. */
export function pagesOf(placement: readonly (readonly number[])[], domain: number): number[][] {
  return placement.map((domains) =>
    domains.flatMap((holder, expert) => (holder === domain ? [expert] : [])),
  )
}

export type PlacementRequest = {
  readonly regions: readonly RegionPages[]
  readonly domains: readonly DomainCapacity[]
  readonly replicas: number
  /** Tokens of one expert in a step, at which speeds are compared. Default 1. */
  readonly tokensPerExpert?: number
  /** Calls of each expert by region. */
  readonly popularity?: readonly Float32Array[]
  /** Tokens that chose two experts, by region: [experts, experts], symmetric. */
  readonly together?: readonly Float32Array[]
  /**
   * Pages as they lie now. Then only those are placed anew that lost a holder, and no more move
   * than newcomers and changed speeds ask for; without it the placement is made afresh.
   */
  readonly current?: HolderTable
}

/**
 * Every page on `replicas` domains, no domain over its memory.
 * @throws SputnikError PLACEMENT_FULL, with the bytes that are missing
 */
export function placePages(request: PlacementRequest): HolderTable {
  const { regions, replicas, current } = request
  assert(regions.length > 0, 'a placement without regions')
  const quotas = makeQuotas({ ...request, tokensPerExpert: request.tokensPerExpert ?? 1 })
  const table = new HolderTable(regions, replicas)
  const occupancy = new Occupancy({ table, regions, quotas })
  if (current === undefined) placeAfresh(occupancy, request)
  else keepHolders(occupancy, current)
  fillMissing(occupancy)
  if (current !== undefined) balance(occupancy, request.popularity)
  return table
}

function placeAfresh(occupancy: Occupancy, request: PlacementRequest): void {
  const { regions, replicas } = request
  const pairUs = Float64Array.from(occupancy.quotas, (quota) => quota.pairUs)
  let doneBytes = 0
  const allBytes = totalBytes(regions)
  regions.forEach((size, region) => {
    doneBytes += size.experts * size.pageBytes
    const counts = regionCounts(occupancy, { size, replicas, share: doneBytes / allBytes })
    const demand = {
      experts: size.experts,
      popularity: request.popularity?.[region],
      together: request.together?.[region],
    }
    const plan = new RegionPlan({ demand, replicas, pairUs })
    dealRegion(plan, { counts, replicas })
    improveRegion(plan)
    take(plan, { region, occupancy })
  })
}

/**
 * Pages of one region for each domain: what brings it to its share of all regions so far, in whole
 * pages; the largest fractions are rounded up.
 */
function regionCounts(
  occupancy: Occupancy,
  { size, replicas, share }: { size: RegionPages; replicas: number; share: number },
): Int32Array {
  const { experts, pageBytes } = size
  const wanted = occupancy.quotas.map((quota, at) => {
    const pages = (quota.quotaBytes * share - occupancy.usedBytes(at)) / pageBytes
    const room = Math.floor(occupancy.freeBytes(at) / pageBytes)
    return { at, pages: Math.max(0, pages), most: Math.min(experts, room) }
  })
  const counts = Int32Array.from(wanted, ({ pages, most }) =>
    Math.min(most, Math.floor(pages + 1e-6)),
  )
  let left = experts * replicas - counts.reduce((sum, count) => sum + count, 0)
  const order = wanted.sort((a, b) => fraction(b) - fraction(a) || a.at - b.at)
  while (left !== 0) {
    const before = left
    for (const { at, most } of left > 0 ? order : order.toReversed()) {
      const count = counts[at] ?? 0
      if (left > 0 && count < most) counts[at] = count + 1
      else if (left < 0 && count > 0) counts[at] = count - 1
      else continue
      left += left > 0 ? -1 : 1
      if (left === 0) break
    }
    if (left === before) break
  }
  return counts
}

function fraction({ pages }: { pages: number }): number {
  return pages - Math.floor(pages + 1e-6)
}

function take(
  plan: RegionPlan,
  { region, occupancy }: { region: number; occupancy: Occupancy },
): void {
  for (let expert = 0; expert < plan.experts; expert++) {
    for (const domain of plan.placesOf(expert)) {
      occupancy.add(occupancy.table.entry(region, expert), domain)
    }
  }
}

/** Expected microseconds of each domain in the layer where it takes longest, over all layers. */
export function slowestLayerUs(table: HolderTable, request: PlacementRequest): number {
  const quotas = makeQuotas({ ...request, tokensPerExpert: request.tokensPerExpert ?? 1 })
  const byId = new Map(quotas.map((quota): [number, Quota] => [quota.id, quota]))
  let slowest = 0
  request.regions.forEach(({ experts }, region) => {
    const us = new Map<number, number>()
    for (let expert = 0; expert < experts; expert++) {
      const holders = table.holdersOf(table.entry(region, expert))
      const calls = (request.popularity?.[region]?.[expert] ?? 1) / holders.length
      for (const id of holders) {
        const { pairUs } = defined(byId.get(id), 'domain of a placement')
        us.set(id, (us.get(id) ?? 0) + calls * pairUs)
      }
    }
    slowest = Math.max(slowest, ...us.values())
  })
  return slowest
}

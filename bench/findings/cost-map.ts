/**
 * Cost of a token by network speed and users at once: the cheapest home fleet against a rack on
 * four bases. Knows nothing of how that is told.
 */
import { defined } from '../../src/base/assert.js'
import type { Rack } from '../../src/plan/catalog/racks.js'
import { COST_OPTIONS, type CostOptions } from '../../src/plan/cost/options.js'
import type { NicOffer } from '../../src/plan/economics/nic-prices.js'
import type { ModelShape } from '../../src/plan/model/shape.js'
import { denseBatches } from '../../src/plan/report/offer.js'
import type { Workload } from '../../src/plan/workload.js'
import {
  HomeFleets,
  type Point,
  pointsOf,
  type RackPricing,
  rackParts,
  type Terms,
  wholeRack,
} from './offers.js'

/**
 * What of the rack is paid for: all of it for the same users; the cheapest part of it that will do
 * for them; a share of one that others fill, at least as fast for each user; a share of one that
 * is as full as pays best.
 */
export const BASES = ['whole', 'part', 'sameSpeed', 'best'] as const
export type Basis = (typeof BASES)[number]

export type MapRequest = {
  readonly model: ModelShape
  /** Numbers of domains, four cards each. */
  readonly hosts: readonly number[]
  readonly workload: Workload
  readonly nics: readonly NicOffer[]
  readonly terms: Terms
  readonly rackPricing: RackPricing
  readonly cardPrice?: 'list'
  /** Of fleets; racks take turns with micro-batches anyway. */
  readonly options?: CostOptions
}

/** One map: a model, how both are paid, and the rack. */
export type CostMap = {
  readonly request: MapRequest
  readonly rack: Rack
  /** [port][batch]. */
  readonly home: readonly (readonly HomeCell[])[]
  readonly costs: RackCosts
}

export type HomeCell =
  | { readonly fleet: string; readonly point: Point }
  /** No fleet has room, or none keeps the limits of the workload. */
  | { readonly problem: 'full' | 'slow' }

/** [port][batch]: the cheapest fleet. */
export function homeCells(request: MapRequest): HomeCell[][] {
  const { model, workload, nics, options = COST_OPTIONS } = request
  const fleets = new HomeFleets(model, request)
  return nics.map((nic) => {
    const offers = fleets.withPorts(nic).map((fleet) => ({
      fleet: fleet.name,
      points: pointsOf(fleet, { model, workload, options }),
    }))
    return workload.batches.map((batch) => {
      const all = offers.flatMap(({ fleet, points }) =>
        points.filter((point) => point.batch === batch).map((point) => ({ fleet, point })),
      )
      if (all.length === 0) return { problem: 'full' as const }
      const kept = all.filter(({ point }) => point.meetsLimits)
      return kept.reduce<HomeCell>(cheaper, { problem: 'slow' })
    })
  })
}

function cheaper(a: HomeCell, b: Extract<HomeCell, { point: Point }>): HomeCell {
  return 'point' in a && a.point.outputMtokUsd <= b.point.outputMtokUsd ? a : b
}

/** What a rack asks for a million tokens, dollars; undefined where it cannot. */
export type RackCosts = {
  /** Of an hour of all of it. */
  readonly hourUsd: number
  readonly curve: readonly Point[]
  readonly whole: (batch: number) => number | undefined
  readonly part: (batch: number) => number | undefined
  readonly sameSpeed: (tpotS: number) => number | undefined
  readonly best: number | undefined
}

export function rackCosts(rack: Rack, { model, workload, rackPricing }: MapRequest): RackCosts {
  const dense = { ...workload, batches: mergedBatches(workload.batches) }
  const fleet = wholeRack(rack, rackPricing, { model, workload })
  const curve = pointsOf(fleet, { model, workload: dense })
  const parts = rackParts(rack, rackPricing).map((part) => pointsOf(part, { model, workload }))
  const kept = curve.filter(({ meetsLimits }) => meetsLimits)
  const at = (points: readonly Point[], batch: number) =>
    points.filter((point) => point.meetsLimits && point.batch === batch)
  return {
    hourUsd: defined(fleet.hourUsd, `price of ${rack.name}`),
    curve,
    whole: (batch) => cheapest(at(curve, batch)),
    part: (batch) => cheapest([curve, ...parts].flatMap((points) => at(points, batch))),
    sameSpeed: (tpotS) => cheapest(kept.filter((point) => point.tpotS <= tpotS)),
    best: cheapest(kept),
  }
}

function mergedBatches(batches: readonly number[]): number[] {
  return [...new Set([...batches, ...denseBatches(1)])].sort((a, b) => a - b)
}

function cheapest(points: readonly Point[]): number | undefined {
  const costs = points.map(({ outputMtokUsd }) => outputMtokUsd)
  return costs.length === 0 ? undefined : Math.min(...costs)
}

export type Ratios = { readonly [basis in Basis]: number | undefined }

/** Cost of the fleet over that of the rack: below 1 the fleet wins. */
export function ratiosOf(cell: HomeCell, rack: RackCosts): Ratios | undefined {
  if (!('point' in cell)) return undefined
  const { batch, tpotS, outputMtokUsd } = cell.point
  const over = (usd: number | undefined) => (usd === undefined ? undefined : outputMtokUsd / usd)
  return {
    whole: over(rack.whole(batch)),
    part: over(rack.part(batch)),
    sameSpeed: over(rack.sameSpeed(tpotS)),
    best: over(rack.best),
  }
}

export type Score = {
  /** Cells in which both can do it. */
  readonly cells: number
  readonly won: number
  readonly lowest: number
  readonly highest: number
}

/** `handicap`: what the rack's cost is divided by. */
export function scoreOf(ratios: readonly Ratios[], basis: Basis, handicap = 1): Score {
  const all = ratios.flatMap((one) => one[basis] ?? []).map((ratio) => ratio * handicap)
  return {
    cells: all.length,
    won: all.filter((ratio) => ratio < 1).length,
    lowest: Math.min(...all),
    highest: Math.max(...all),
  }
}

/**
 * A fleet with its speed and its price, as plans compare them: the one asked about and each of its
 * alternatives are the same thing here.
 */
import { type Confidence, weakest } from '../cost/confidence.js'
import { type CostPlan, isPlan } from '../cost/cost-plan.js'
import { type BatchEstimate, type Estimate, estimate } from '../cost/estimate.js'
import type { Shortage } from '../cost/placement.js'
import { type Candidate, layOutFor } from '../cost/quick.js'
import { type FleetCost, fleetCost, workHourUsd } from '../economics/fleet-cost.js'
import { usdPerMtok } from '../economics/token-cost.js'
import type { Workload } from '../workload.js'
import type { CurvePoint } from './plan.js'

export type Offer = {
  readonly candidate: Candidate
  readonly plan: CostPlan
  readonly estimate: Estimate
  readonly cost: FleetCost
  /** Dollars of an hour in which there is work, those without included where it is owned. */
  readonly workHourUsd: number
  readonly curve: readonly CurvePoint[]
  /** What costs are counted at: the best batch within the limits, or else the smallest one. */
  readonly reference: BatchEstimate
  readonly confidence: Confidence
}

/** Largest batch that anyone is taken to have, and batches to each doubling of it. */
const MOST_SEQUENCES = 131_072
const PER_DOUBLING = 2

/** Batches so near to each other that the best of them is near the best there is. */
export function denseBatches(low: number, high = MOST_SEQUENCES): number[] {
  const steps = Math.max(0, Math.ceil(PER_DOUBLING * Math.log2(high / low)))
  const between = Array.from({ length: steps }, (_, step) =>
    Math.round(low * 2 ** (step / PER_DOUBLING)),
  )
  return [...new Set([...between, high])].sort((a, b) => a - b)
}

/** The workload with batches that fill the range of its own. */
export function filledIn(workload: Workload): Workload {
  const low = Math.min(...workload.batches)
  const dense = denseBatches(low, Math.max(...workload.batches))
  return { ...workload, batches: [...new Set([...workload.batches, ...dense])] }
}

/** @throws SputnikError PRICE_UNKNOWN */
export function offerOf(candidate: Candidate): Offer | Shortage {
  const plan = layOutFor(candidate)
  if (!isPlan(plan)) return plan
  const found = estimate(candidate)
  if (!found.fits) return found
  const { fleet, workload } = candidate
  const { utilisation } = workload
  const cost = fleetCost(fleet, utilisation)
  const hourUsd = workHourUsd(cost, utilisation)
  const [smallest] = found.curve
  const reference = found.best ?? smallest
  if (reference === undefined) return noBatch(candidate)
  return {
    candidate,
    plan,
    estimate: found,
    cost,
    workHourUsd: hourUsd,
    curve: found.curve.map((one) => pointOf(one, hourUsd)),
    reference,
    confidence: weakest([reference.confidence, hourConfidence(cost)]),
  }
}

export function isOffer(result: Offer | Shortage): result is Offer {
  return 'estimate' in result
}

function noBatch({ workload }: Candidate): Shortage {
  return {
    fits: false,
    where: 'cards',
    missingBytes: 0,
    text: `no batch of ${workload.name} has room beside the weights`,
    remedy: 'ask for smaller batches or shorter contexts, or give the head more memory',
  }
}

function pointOf(one: BatchEstimate, hourUsd: number): CurvePoint {
  const { batch, tpotS, ttftS, outputTokensPerSecond, meetsLimits } = one
  const outputMtokUsd = usdPerMtok(hourUsd, outputTokensPerSecond)
  return { batch, tpotS, ttftS, outputTokensPerSecond, outputMtokUsd, meetsLimits }
}

/** Cheapest tokens where each user gets at least so many of them per second. */
export function cheapestAt(
  curve: readonly CurvePoint[],
  userTokensPerSecond: number,
): CurvePoint | undefined {
  return cheapestOf(curve.filter(({ tpotS }) => tpotS * userTokensPerSecond <= 1))
}

export function cheapestOf(curve: readonly CurvePoint[]): CurvePoint | undefined {
  return curve.reduce<CurvePoint | undefined>(
    (a, b) => (a === undefined || b.outputMtokUsd < a.outputMtokUsd ? b : a),
    undefined,
  )
}

/** What somebody says that he pays is so; what owning costs hangs on years and on what is left. */
function hourConfidence({ how, prices }: FleetCost): Confidence {
  if (how === 'given') return 'measured'
  if (how === 'own') return 'assumed'
  return weakest(prices.map(({ trust }) => (trust === 'weak' ? 'assumed' : 'datasheet')))
}

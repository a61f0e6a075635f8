/**
 * A fleet beside others. They are taken to be always full, as somebody else fills them when you do
 * not, and to be rented for the hours of work only: both speak for them and against the fleet.
 * Their speed is that of the cost model, held to a measured run where there is one.
 */

import { weakest } from '../cost/confidence.js'
import { isPlan } from '../cost/cost-plan.js'
import type { Shortage } from '../cost/placement.js'
import { type Candidate, layOutFor } from '../cost/quick.js'
import { breakEvenMonths, tieUtilisation } from '../economics/break-even.js'
import { cashHourUsd } from '../economics/own-cost.js'
import { hourMtok, tieTokensPerSecond, usdPerMtok } from '../economics/token-cost.js'
import { type Fleet, hostCards } from '../fleet/fleet.js'
import type { Workload } from '../workload.js'
import { type HeldOffer, heldOffer, isHeld } from './held-offer.js'
import { cheapestAt, cheapestOf, denseBatches, type Offer } from './offer.js'
import type { Alternative, Comparison, CurvePoint, SpeedRow } from './plan.js'

/** What a fleet is compared with; of racks too small for the model several are taken. */
export type Rival = { readonly id: string; readonly fleet: Fleet }

/** Racks that are tried for a model that has no room in one. */
const MOST_RACKS = 16

export function makeAlternative({ id, fleet }: Rival, offer: Offer): Alternative {
  const { model, workload, options } = offer.candidate
  const asked = { model, workload: crowded(workload), ...(options !== undefined && { options }) }
  const candidate = { ...asked, fleet: enoughOf(fleet, asked) }
  const found = heldOffer(candidate)
  if (!isHeld(found)) return withoutRoom({ id, fleet }, found)
  const { estimate, curve, cost, confidence } = found.offer
  const best = cheapestOf(curve.filter(({ meetsLimits }) => meetsLimits))
  return {
    id,
    name: candidate.fleet.name,
    cards: estimate.cards,
    hourUsd: cost.hourUsd,
    curve,
    ...found.sureness,
    ...measuredCost(found),
    ...(best === undefined
      ? { problem: 'no batch keeps the limits of the workload' }
      : { best, comparison: compare(offer, { found: found.offer, best }) }),
    confidence: weakest([confidence, 'datasheet']),
  }
}

/** A run may have had fewer users than pay best, so its own tokens may be dearer. */
function measuredCost({ offer, sureness }: HeldOffer): Pick<Alternative, 'measuredMtokUsd'> {
  const { measured } = sureness
  if (measured === undefined) return {}
  const { workHourUsd, estimate, candidate } = offer
  const { promptTokens, outputTokens } = candidate.workload
  const outputShare = outputTokens / (promptTokens + outputTokens)
  const perCard = measured.totalTokensPerSecondPerCard * outputShare
  return { measuredMtokUsd: usdPerMtok(workHourUsd / estimate.cards, perCard) }
}

/** Others have as many users as pay best. */
function crowded(workload: Workload): Workload {
  return { ...workload, batches: denseBatches(Math.min(...workload.batches)) }
}

function enoughOf(fleet: Fleet, asked: Omit<Candidate, 'fleet'>): Fleet {
  if (fleet.layout === 'apart' || fleet.domains.length > 0) return fleet
  for (let count = 1; count <= MOST_RACKS; count++) {
    const many = timesRack(fleet, count)
    if (isPlan(layOutFor({ ...asked, fleet: many }))) return many
  }
  return fleet
}

export function timesRack(fleet: Fleet, count: number): Fleet {
  if (count === 1) return fleet
  const { hourUsd } = fleet
  return {
    ...fleet,
    name: `${count} x ${fleet.name}`,
    head: { ...fleet.head, count: count * fleet.head.count },
    ...(hourUsd !== undefined && { hourUsd: count * hourUsd }),
  }
}

function withoutRoom({ id, fleet }: Rival, { text }: Shortage): Alternative {
  const hourUsd = fleet.hourUsd ?? 0
  const about = { id, name: fleet.name, cards: hostCards(fleet.head), hourUsd }
  return { ...about, curve: [], problem: text, confidence: 'datasheet' }
}

function compare(
  { cost, workHourUsd, reference, curve, candidate }: Offer,
  { found, best }: { readonly found: Offer; readonly best: CurvePoint },
): Comparison {
  const { outputTokensPerSecond } = reference
  const alone = found.curve[0] ?? best
  // What the other asks for the tokens that the fleet makes in an hour of work.
  const rentHourUsd = best.outputMtokUsd * hourMtok(outputTokensPerSecond)
  return {
    costRatio: usdPerMtok(workHourUsd, outputTokensPerSecond) / best.outputMtokUsd,
    throughputRatio: outputTokensPerSecond / best.outputTokensPerSecond,
    aloneRatio: (curve[0]?.tpotS ?? reference.tpotS) / alone.tpotS,
    hourRatio: workHourUsd / found.workHourUsd,
    tieTokensPerSecond: tieTokensPerSecond(workHourUsd, best.outputMtokUsd),
    ...(cost.own !== undefined && {
      tieUtilisation: tieUtilisation(cost.own, rentHourUsd),
      ...finite({
        breakEvenMonths: breakEvenMonths({
          upfrontUsd: cost.upfrontUsd,
          cashHourUsd: cashHourUsd(cost.own),
          rentHourUsd,
          utilisation: candidate.workload.utilisation,
          discountRate: candidate.fleet.economics.discountRate,
        }),
      }),
    }),
  }
}

/** JSON has no infinity: what never comes is left out. */
function finite(months: { readonly breakEvenMonths: number }) {
  return Number.isFinite(months.breakEvenMonths) ? months : {}
}

/** Tokens per second of one user, from reading along to an agent that nobody waits for. */
const USER_SPEEDS = [5, 10, 20, 30, 50, 75, 100, 150, 200, 300] as const

/** Rows in which anyone keeps up. */
export function makeSpeedRows(offer: Offer, alternatives: readonly Alternative[]): SpeedRow[] {
  const at = (curve: readonly CurvePoint[], speed: number) => {
    const point = cheapestAt(curve, speed)
    return point === undefined ? {} : { outputMtokUsd: point.outputMtokUsd }
  }
  return USER_SPEEDS.map((speed) => ({
    userTokensPerSecond: speed,
    ...at(offer.curve, speed),
    alternatives: alternatives.map(({ id, curve }) => ({ id, ...at(curve, speed) })),
  })).filter((row) => [row, ...row.alternatives].some((one) => one.outputMtokUsd !== undefined))
}

/**
 * Improves a dealt region by exchanges of two experts between two domains, which leave the counts
 * alone: first the slowest domain gets quicker, then experts that fire together come together.
 */
import type { RegionPlan } from './region-plan.js'

const BALANCE_ROUNDS = 64
/** Pairs of pages looked at while experts are brought together; bounds the time of a region. */
const PAIRS_MAX = 400_000
const SWEEPS_MAX = 6
const SLACK = 1.05

/** Two experts that change places: `a` leaves `from`, `b` leaves `to`. */
type Exchange = {
  readonly a: number
  readonly from: number
  readonly b: number
  readonly to: number
}

export function improveRegion(plan: RegionPlan): void {
  for (let round = 0; round < BALANCE_ROUNDS && relieveSlowest(plan); round++);
  if (plan.together !== undefined) bringTogether(plan)
}

/** False when no exchange helps. */
function relieveSlowest(plan: RegionPlan): boolean {
  const from = plan.slowest()
  const nowUs = plan.timeWith(from, 0)
  let best: Exchange | undefined
  let bestUs = nowUs * (1 - 1e-9)
  for (const a of plan.expertsOf(from)) {
    for (let b = 0; b < plan.experts; b++) {
      if (b === a || plan.holds(b, from)) continue
      for (const to of plan.placesOf(b)) {
        if (plan.holds(a, to)) continue
        const us = timeAfter(plan, { a, from, b, to })
        if (us >= bestUs) continue
        best = { a, from, b, to }
        bestUs = us
      }
    }
  }
  if (best === undefined) return false
  exchange(plan, best)
  return true
}

function timeAfter(plan: RegionPlan, { a, from, b, to }: Exchange): number {
  const calls = plan.callsOf(b) - plan.callsOf(a)
  return Math.max(plan.timeWith(from, calls), plan.timeWith(to, -calls))
}

function exchange(plan: RegionPlan, { a, from, b, to }: Exchange): void {
  plan.remove(a, from)
  plan.remove(b, to)
  plan.add(a, to)
  plan.add(b, from)
}

function bringTogether(plan: RegionPlan): void {
  const limitUs = Math.max(plan.timeWith(plan.slowest(), 0), fairUs(plan) * SLACK)
  let looks = 0
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep++) {
    let isBetter = false
    for (let a = 0; a < plan.experts; a++) {
      for (const from of plan.placesOf(a)) {
        looks += plan.experts * plan.placesOf(a).length
        if (looks > PAIRS_MAX) return
        if (bestPartner(plan, { a, from, limitUs })) isBetter = true
      }
    }
    if (!isBetter) return
  }
}

function fairUs(plan: RegionPlan): number {
  const rate = plan.pairUs.reduce((sum, us) => sum + 1 / us, 0)
  return plan.loads.reduce((sum, load) => sum + load, 0) / rate
}

/** Exchanges an expert of a domain for the one that saves most copies, if any does. */
function bestPartner(
  plan: RegionPlan,
  { a, from, limitUs }: { a: number; from: number; limitUs: number },
): boolean {
  let best: Exchange | undefined
  let bestGain = 1e-9
  const leaving = plan.affinity(a, from)
  for (let b = 0; b < plan.experts; b++) {
    if (b === a || plan.holds(b, from)) continue
    const common = plan.together?.[a * plan.experts + b] ?? 0
    const fixed = plan.affinity(b, from) - leaving - 2 * common
    for (const to of plan.placesOf(b)) {
      if (plan.holds(a, to)) continue
      const gain = fixed + plan.affinity(a, to) - plan.affinity(b, to)
      if (gain <= bestGain || timeAfter(plan, { a, from, b, to }) > limitUs) continue
      best = { a, from, b, to }
      bestGain = gain
    }
  }
  if (best === undefined) return false
  exchange(plan, best)
  return true
}

/** The parts of a step: their shares of it, and how well founded the time of each is. */
import { type Confidence, weakest } from './confidence.js'
import type { CostPlan } from './cost-plan.js'
import { PARTS, type Part, type PartTimes, stepSeconds } from './load.js'
import type { Machine } from './machine.js'
import { isSpilled } from './placement.js'

export type PartTime = {
  readonly part: Part
  readonly seconds: number
  /** Of the step; all parts make up 1. */
  readonly share: number
  readonly confidence: Confidence
}

export function partTimes(plan: CostPlan, times: PartTimes): PartTime[] {
  const stepS = stepSeconds(times)
  const confidences = partConfidence(plan)
  return PARTS.map((part) => ({
    part,
    seconds: times[part],
    share: times[part] / stepS,
    confidence: confidences[part],
  }))
}

/** A part of less cannot make the whole wrong by more than that. */
const MATTERS = 0.1

/** Of a step: the weakest of all parts that matter. */
export function stepConfidence(parts: readonly PartTime[]): Confidence {
  const mattering = parts.filter(({ share }) => share >= MATTERS)
  return weakest(mattering.map(({ confidence }) => confidence))
}

/** By the rates that its time comes from. */
function partConfidence(plan: CostPlan): { readonly [part in Part]: Confidence } {
  const machines = plan.placement.sites.map(({ machine }) => machine)
  const experts = weakest([
    ...machines.map(({ confidence }) => confidence),
    ...plan.placement.sites.map((site) => (isSpilled(site) ? 'assumed' : 'measured')),
  ])
  const trunk = plan.layout === 'apart' ? plan.head.confidence : experts
  const starts = startConfidence(plan.layout === 'apart' ? [plan.head, ...machines] : machines)
  // Rates of NICs and links are their makers', the share that is had of them is assumed here.
  const wire: Confidence = 'datasheet'
  return {
    attention: trunk,
    cache: trunk,
    router: trunk,
    shared: trunk,
    dense: trunk,
    output: trunk,
    experts,
    dispatch: wire,
    combine: wire,
    overhead: starts,
    hidden: weakest([trunk, experts, wire]),
  }
}

/** Times of kernel starts are fitted or assumed, whatever else was measured. */
function startConfidence(machines: readonly Machine[]): Confidence {
  const cards = machines.flatMap(({ devices }) => devices.map(({ confidence }) => confidence))
  return cards.every((confidence) => confidence === 'calibrated') ? 'calibrated' : 'assumed'
}

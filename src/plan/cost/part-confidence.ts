/** How well founded the time of each part is, by the rates that it comes from. */
import { type Confidence, weakest } from './confidence.js'
import type { CostPlan } from './cost-plan.js'
import type { Part } from './load.js'
import type { Machine } from './machine.js'
import { isSpilled } from './placement.js'

export function partConfidence(plan: CostPlan): { readonly [part in Part]: Confidence } {
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

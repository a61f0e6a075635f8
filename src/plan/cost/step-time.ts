/** Seconds of one step of the engine on a fleet, for whoever simulates serving. */
import { SputnikError } from '../../base/errors.js'
import type { Fleet } from '../fleet/fleet.js'
import type { ModelShape } from '../model/shape.js'
import { isPlan, layOut, stepParts } from './cost-plan.js'
import { type StepLoad, stepSeconds } from './load.js'
import { COST_OPTIONS, type CostOptions } from './options.js'

export type StepTime = (load: StepLoad) => number

/**
 * `load` is of the whole fleet: all sequences that decode and all prompt tokens of one step.
 * @throws SputnikError PLAN_DOES_NOT_FIT
 */
export function stepTimes(
  model: ModelShape,
  fleet: Fleet,
  options: CostOptions = COST_OPTIONS,
): StepTime {
  const plan = layOut({ model, fleet, options, sequences: 0, contextTokens: 0 })
  if (!isPlan(plan)) {
    const { text, remedy, where, missingBytes } = plan
    throw new SputnikError('PLAN_DOES_NOT_FIT', `${text}; ${remedy}`, { where, missingBytes })
  }
  return (load) => stepSeconds(stepParts(plan, load))
}

/** A model laid out on a fleet, ready to be asked for the time of steps. */
import type { Fleet } from '../fleet/fleet.js'
import type { ModelShape } from '../model/shape.js'
import { type ApartPlan, apartPlan, apartStep } from './apart-step.js'
import { type OpenTimes, PARTS, type PartTimes, type StepLoad } from './load.js'
import { machineOf } from './machine.js'
import { cacheBytes, type ModelWork, modelWork } from './model-work.js'
import type { CostOptions } from './options.js'
import { placeWhole } from './place-whole.js'
import { type Hosts, placeApart, type Shortage } from './placement.js'
import { type WholePlan, wholePlan, wholeStep } from './whole-step.js'

export type CostPlan = ApartPlan | WholePlan

export type PlanRequest = {
  readonly model: ModelShape
  readonly fleet: Fleet
  readonly options: CostOptions
  /** Whose KV cache must have room at the least. */
  readonly sequences: number
  readonly contextTokens: number
  /** Of the model, when many fleets are asked about. */
  readonly work?: ModelWork
}

export function layOut(request: PlanRequest): CostPlan | Shortage {
  const { model, fleet, options } = request
  const { efficiency } = options
  const work = request.work ?? modelWork(model, options)
  const { replicas } = fleet
  const cache = request.sequences * cacheBytes(work, request.contextTokens)
  const head = machineOf(fleet.head, work, efficiency)
  const domains: Hosts[] = fleet.domains.map((host) => ({
    machine: machineOf(host, work, efficiency),
    count: host.count,
  }))
  if (fleet.layout === 'whole') {
    const hosts = [{ machine: head, count: fleet.head.count }, ...domains]
    const placement = placeWhole({ work, hosts, replicas, cacheBytes: cache })
    return placement.fits ? wholePlan({ work, fleet, options, placement }) : placement
  }
  const placement = placeApart({ work, head, domains, replicas, cacheBytes: cache })
  return placement.fits ? apartPlan({ work, fleet, options, head, placement }) : placement
}

export function isPlan(result: CostPlan | Shortage): result is CostPlan {
  return 'layout' in result
}

export function stepParts(plan: CostPlan, load: StepLoad): PartTimes {
  const times = plan.layout === 'apart' ? apartStep(plan, load) : wholeStep(plan, load)
  const { slowdown } = plan.options
  return slowdown === 1 ? times : longer(times, slowdown)
}

function longer(times: PartTimes, by: number): PartTimes {
  const slowed: OpenTimes = { ...times }
  for (const part of PARTS) slowed[part] *= by
  return slowed
}

/** Makes a plan of a model, a fleet, a workload and what they are compared with. Pure. */
import type { CostOptions } from '../cost/options.js'
import type { Shortage } from '../cost/placement.js'
import { costTornado } from '../economics/levers.js'
import type { TokenPrices } from '../economics/token-cost.js'
import { type Fleet, fleetCards } from '../fleet/fleet.js'
import type { ModelShape } from '../model/shape.js'
import { expertBytes, trunkBytes } from '../model/sizes.js'
import type { Workload } from '../workload.js'
import { type HeldOffer, heldOffer, isHeld } from './held-offer.js'
import { makeAlternative, makeSpeedRows, type Rival } from './make-alternatives.js'
import { answerOf, refusalOf } from './make-answer.js'
import { makeCost } from './make-cost.js'
import { makeNicRows } from './make-nic-rows.js'
import { cardsText, makePlacement } from './make-placement.js'
import { decodeTimes, prefillTimes } from './make-speed.js'
import { makeValue } from './make-value.js'
import { filledIn, type Offer } from './offer.js'
import {
  type Assumed,
  PLAN_VERSION,
  type Plan,
  type PlanFleet,
  type PlanModel,
  type PlanResult,
  type PlanSpeed,
  type PlanSubject,
} from './plan.js'

export type PlanQuestion = {
  readonly model: ModelShape
  readonly fleet: Fleet
  readonly workload: Workload
  readonly alternatives: readonly Rival[]
  /** What users pay; without, nothing is said of margins. */
  readonly prices?: TokenPrices | undefined
  readonly assumed?: readonly Assumed[]
  readonly options?: CostOptions
  /** Of the futures of prices. */
  readonly seed?: number
}

/** @throws SputnikError PRICE_UNKNOWN when neither catalogue nor fleet have a price */
export function makePlan(request: PlanQuestion): Plan {
  const { model, fleet, workload, options, assumed = [] } = request
  const subject: Omit<PlanSubject, 'answer'> = {
    version: PLAN_VERSION,
    model: aboutModel(model),
    fleet: aboutFleet(fleet),
    workload,
    assumed,
  }
  const held = heldOffer({
    ...{ model, fleet, workload: filledIn(workload) },
    ...(options !== undefined && { options }),
  })
  if (!isHeld(held)) return refused(subject, held)
  const result = makeResult(request, held)
  return { ...subject, answer: answerOf(workload, result), fits: true, ...result }
}

function refused(subject: Omit<PlanSubject, 'answer'>, shortage: Shortage): Plan {
  return { ...subject, answer: refusalOf(shortage), fits: false, shortage }
}

function makeResult(request: PlanQuestion, { offer, sureness }: HeldOffer): PlanResult {
  const { advice, verdicts, assumptions } = offer.estimate
  const outlook = makeValue(offer, request.seed ?? 1)
  const alternatives = request.alternatives.map((rival) => makeAlternative(rival, offer))
  return {
    placement: makePlacement(offer),
    speed: { ...makeSpeed(offer, request.workload), ...sureness },
    cost: makeCost(offer, { prices: request.prices, hourSpread: outlook?.hourSpread }),
    alternatives,
    bySpeed: makeSpeedRows(offer, alternatives),
    byNic: makeNicRows(offer),
    ...(outlook !== undefined && { value: outlook.value }),
    sensitivity: makeSensitivity(offer),
    ...{ advice, verdicts, assumptions },
  }
}

/** The table has the batches that were asked for and the best one. */
function makeSpeed({ plan, estimate, curve, reference }: Offer, workload: Workload): PlanSpeed {
  const { best } = estimate
  const isAsked = (batch: number): boolean => workload.batches.includes(batch)
  return {
    batches: estimate.curve.filter((one) => isAsked(one.batch) || one === reference),
    curve,
    ...(best !== undefined && { best }),
    reference,
    decode: decodeTimes(plan, workload, reference.batch),
    prefill: prefillTimes(plan, workload),
  }
}

function makeSensitivity({ cost, candidate, reference }: Offer) {
  if (cost.own === undefined) return []
  const { utilisation } = candidate.workload
  return costTornado({
    equipment: cost.own.equipment,
    terms: { ...candidate.fleet.economics, load: utilisation },
    tokensPerSecond: reference.outputTokensPerSecond * utilisation,
  })
}

function aboutModel(shape: ModelShape): PlanModel {
  const { id, name, source, experts, expertsUsed, moeLayers } = shape
  const bytes = { trunkBytes: trunkBytes(shape), expertBytes: expertBytes(shape) }
  return { id, name, source, ...bytes, experts, expertsUsed, moeLayers }
}

function aboutFleet(fleet: Fleet): PlanFleet {
  const { name, layout, head, domains, replicas } = fleet
  const all = [head, ...domains]
  const hosts = all.map((host) => ({ name: host.name, count: host.count, cards: cardsText(host) }))
  return { name, layout, cards: fleetCards(fleet), hosts, replicas }
}

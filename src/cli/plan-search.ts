/** `sputnik plan <model> --search`: the best fleet for the money, or the cheapest for a speed. */
import { findCard } from '../plan/catalog/catalogue.js'
import { NICS, type NicOffer } from '../plan/economics/nic-prices.js'
import { resolveModel } from '../plan/model/resolve-model.js'
import type { ModelShape } from '../plan/model/shape.js'
import { makePlan } from '../plan/report/make-plan.js'
import type { Plan } from '../plan/report/plan.js'
import { type SearchReport, searchReport } from '../plan/report/search-report.js'
import type { Choice, Goal } from '../plan/search/goal.js'
import { type SearchRequest, searchFleets } from '../plan/search/search.js'
import { AS_IT_IS, defaultSpace, type SearchSpace, variantsOf } from '../plan/search/space.js'
import { resolveWorkload } from '../plan/workload-file.js'
import { usage } from './options.js'
import { changeWorkload, checkContext, type PlanOptions } from './plan-options.js'
import { rivalsOf } from './plan-rivals.js'
import { createProgress } from './report.js'

/** @throws SputnikError SEARCH_INVALID, CARD_UNKNOWN, PRICE_UNKNOWN, USAGE */
export function searchFor(model: string, options: PlanOptions): SearchReport {
  const progress = createProgress(process.stderr, 'searching')
  const shape = resolveModel(model)
  const workload = changeWorkload(resolveWorkload(options.workload), options)
  checkContext(shape, workload)
  const request: SearchRequest = {
    space: spaceOf(shape, options),
    goal: goalOf(options),
    workload,
    onProgress: (done, all) => progress.update({ stage: 'fleets', done, total: all }),
  }
  const result = searchFleets(request)
  progress.end()
  return searchReport(request, { result, planOf: (best) => planOf(best, request, options) })
}

function planOf(best: Choice, { workload }: SearchRequest, options: PlanOptions): Plan {
  const { variant, fleet } = best
  const alternatives = rivalsOf(options)
  return makePlan({ model: variant.shape, fleet, workload, alternatives, prices: options.price })
}

function goalOf({ budget, targetTps, rented }: PlanOptions): Goal {
  if (budget !== undefined && targetTps !== undefined) {
    throw usage('--budget and --target-tps are two goals; give one of them')
  }
  if (targetTps !== undefined) {
    return { kind: 'cheapest', measure: 'hour', tokensPerSecond: targetTps }
  }
  if (budget === undefined) {
    throw usage('--search needs a goal: give --budget, as in "6000 USD", or --target-tps')
  }
  if (rented === true && budget.measure === 'purchase') {
    throw usage('--budget: rented cards cost money by the hour; write it as in "2 USD/h"')
  }
  return { kind: 'fastest', measure: budget.measure, budgetUsd: budget.usd }
}

function spaceOf(shape: ModelShape, options: PlanOptions): SearchSpace {
  const { weights, cards, nic, replicas, powerPrice, rented } = options
  const space = defaultSpace(shape)
  const chosen = cards?.map(findCard)
  return {
    ...space,
    variants: variantsOf(shape, weights?.split(',') ?? [AS_IT_IS]),
    cards: chosen ?? space.cards,
    heads: chosen?.flatMap((card) => [1, 2].map((count) => ({ card, count }))) ?? space.heads,
    nics: nic === undefined ? space.nics : portsAt(nic),
    replicas: replicas === undefined ? space.replicas : [replicas],
    economics:
      powerPrice === undefined
        ? space.economics
        : { ...space.economics, powerUsdPerKwh: powerPrice },
    owned: rented !== true,
  }
}

function portsAt(bytesPerSecond: number): NicOffer[] {
  const ports = NICS.filter((nic) => nic.bytesPerSecond === bytesPerSecond)
  if (ports.length > 0) return ports
  const known = NICS.map(({ name }) => name).join(', ')
  throw usage(`--nic: no price of such a port is known; there are ${known}`)
}

/** Steps of one kind only: how long decoding and taking in a prompt last, and for what. */
import { bottleneckOf, partBottlenecks } from '../cost/bottleneck.js'
import { type CostPlan, stepParts } from '../cost/cost-plan.js'
import { steadyLoad, tokensPerStep } from '../cost/figures.js'
import { type StepLoad, stepSeconds } from '../cost/load.js'
import { partTimes, stepConfidence } from '../cost/part-times.js'
import type { Workload } from '../workload.js'
import type { PhaseTimes } from './plan.js'

export function decodeTimes(plan: CostPlan, workload: Workload, batch: number): PhaseTimes {
  const load = { ...steadyLoad(plan, workload, batch), prefillTokens: 0 }
  return phaseTimes(plan, load, { tokens: batch, perStep: batch * tokensPerStep(plan) })
}

/** One chunk of a prompt, in each group of cards that serves users of its own. */
export function prefillTimes(plan: CostPlan, workload: Workload): PhaseTimes {
  const groups = plan.layout === 'whole' ? plan.placement.groups : 1
  const fresh = workload.promptTokens * (1 - workload.cachedShare)
  const prefillTokens = groups * Math.max(1, Math.min(fresh, plan.options.chunkTokens))
  const load = { ...steadyLoad(plan, workload, 0), prefillTokens }
  return phaseTimes(plan, load, { tokens: prefillTokens, perStep: prefillTokens })
}

function phaseTimes(
  plan: CostPlan,
  load: StepLoad,
  { tokens, perStep }: { readonly tokens: number; readonly perStep: number },
): PhaseTimes {
  const times = stepParts(plan, load)
  const stepS = stepSeconds(times)
  const limits = partBottlenecks(plan, load)
  const parts = partTimes(plan, times).map((one) => {
    const bottleneck = limits[one.part]
    return bottleneck === undefined ? one : { ...one, bottleneck }
  })
  return {
    tokens,
    stepS,
    tokensPerSecond: perStep / stepS,
    parts,
    bottleneck: bottleneckOf(plan, load),
    confidence: stepConfidence(parts),
  }
}

/** From step times to what users and owners see: latency and throughput at a batch size. */
import type { Workload } from '../workload.js'
import { type CostPlan, stepParts } from './cost-plan.js'
import { type PartTimes, type StepLoad, stepSeconds } from './load.js'
import { cacheBytes } from './model-work.js'

export type Figures = {
  readonly batch: number
  /** Between two tokens of a user. */
  readonly tpotS: number
  /** Of a prompt that does not wait for others. */
  readonly ttftS: number
  readonly outputTokensPerSecond: number
  /** Prompt tokens count too, cached ones as well, as benchmarks count them. */
  readonly totalTokensPerSecond: number
  /** Of one step. */
  readonly parts: PartTimes
}

/**
 * In the long run: as many sequences start as end, so each step takes in a share of a prompt for
 * every token that it puts out.
 */
export function figuresAt(plan: CostPlan, workload: Workload, batch: number): Figures {
  const { promptTokens, outputTokens } = workload
  const parts = stepParts(plan, steadyLoad(plan, workload, batch))
  const tpotS = stepSeconds(parts) / tokensPerStep(plan)
  const outputTokensPerSecond = batch / tpotS
  return {
    batch,
    tpotS,
    ttftS: firstTokenS(plan, workload, batch),
    outputTokensPerSecond,
    totalTokensPerSecond: (outputTokensPerSecond * (promptTokens + outputTokens)) / outputTokens,
    parts,
  }
}

/**
 * With drafts a sequence gets more than one token of a step, which then takes one layer more for
 * each draft: 1/(1 + kept) (drafts + layers)/layers of a step is one token's (aiconfigurator).
 */
export function tokensPerStep({ options, work }: CostPlan): number {
  const { tokens, kept } = options.drafts ?? { tokens: 0, kept: 0 }
  const { layers } = work.shape
  return ((1 + kept) * layers) / (layers + tokens)
}

export function steadyLoad(plan: CostPlan, workload: Workload, batch: number): StepLoad {
  const { promptTokens, outputTokens, cachedShare } = workload
  const newTokens = promptTokens * (1 - cachedShare)
  return {
    prefillTokens: (batch * newTokens * tokensPerStep(plan)) / outputTokens,
    decodeSequences: batch,
    contextTokens: promptTokens + outputTokens / 2,
    promptContextTokens: promptTokens - newTokens / 2,
  }
}

/** Between two tokens of a user. */
export function tokenS(plan: CostPlan, workload: Workload, batch: number): number {
  return stepSeconds(stepParts(plan, steadyLoad(plan, workload, batch))) / tokensPerStep(plan)
}

/** The prompt goes in by chunks while the other sequences decode. */
export function firstTokenS(plan: CostPlan, workload: Workload, batch: number): number {
  const { promptTokens, cachedShare } = workload
  // The last token of a prompt is computed even when all of it is known.
  const newTokens = Math.max(1, promptTokens * (1 - cachedShare))
  const chunks = Math.max(1, Math.ceil(newTokens / plan.options.chunkTokens))
  // Every group of cards that serves users of its own takes in a prompt.
  const groups = plan.layout === 'whole' ? plan.placement.groups : 1
  const load = {
    ...steadyLoad(plan, workload, Math.max(0, batch - groups)),
    prefillTokens: (groups * newTokens) / chunks,
  }
  return chunks * stepSeconds(stepParts(plan, load))
}

/** Sequences whose KV cache has room. */
export function maxBatch(plan: CostPlan, { promptTokens, outputTokens }: Workload): number {
  const each = cacheBytes(plan.work, promptTokens + outputTokens)
  return Math.floor(plan.placement.cacheRoomBytes / each + 1e-9)
}

/** Those of the workload that have room, the largest one that has, and the best. */
export function batchesOf(
  workload: Workload,
  { most, best }: { readonly most: number; readonly best: number },
): number[] {
  const all = [...workload.batches, most, best].filter((batch) => batch <= most && batch >= 1)
  return [...new Set(all)].sort((a, b) => a - b)
}

export function meetsLimits({ tpotS, ttftS }: Figures, workload: Workload): boolean {
  return tpotS <= workload.tpotS && ttftS <= workload.ttftS
}

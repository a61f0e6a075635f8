/** What a search wants to know of a candidate, and nothing more. */
import type { Fleet } from '../fleet/fleet.js'
import type { ModelShape } from '../model/shape.js'
import type { Workload } from '../workload.js'
import { type CostPlan, isPlan, layOut } from './cost-plan.js'
import { type Figures, figuresAt, maxBatch, meetsLimits } from './figures.js'
import type { ModelWork } from './model-work.js'
import { COST_OPTIONS, type CostOptions } from './options.js'
import type { Shortage } from './placement.js'

export type Candidate = {
  readonly model: ModelShape
  readonly fleet: Fleet
  readonly workload: Workload
  readonly options?: CostOptions
  /** Of the model with these options (`modelWork`), to count its parameters once only. */
  readonly work?: ModelWork
}

export type QuickEstimate = {
  readonly fits: true
  readonly maxBatch: number
  /** At the smallest batch: how fast one user is served. */
  readonly smallest: Figures
  /** Most tokens per second within the workload's limits; undefined: no batch keeps them. */
  readonly best?: Figures
}

export function quickEstimate(candidate: Candidate): QuickEstimate | Shortage {
  const plan = layOutFor(candidate)
  return isPlan(plan) ? quickFigures(plan, candidate.workload) : plan
}

/** The KV cache of the smallest batch must have room beside the pages. */
export function layOutFor(candidate: Candidate): CostPlan | Shortage {
  const { workload, options = COST_OPTIONS, ...rest } = candidate
  return layOut({
    ...rest,
    options,
    sequences: Math.min(...workload.batches),
    contextTokens: workload.promptTokens + workload.outputTokens,
  })
}

export function quickFigures(plan: CostPlan, workload: Workload): QuickEstimate {
  const most = maxBatch(plan, workload)
  const least = Math.max(1, Math.min(most, ...workload.batches))
  const smallest = figuresAt(plan, workload, least)
  const best = bestFigures(plan, { workload, smallest, most })
  return { fits: true, maxBatch: most, smallest, ...(best !== undefined && { best }) }
}

/** Batches are told apart to one in so many. */
const PRECISION = 1.02

/**
 * At the largest batch that keeps the limits: throughput, and both times too, grow with the batch.
 */
function bestFigures(
  plan: CostPlan,
  given: { readonly workload: Workload; readonly smallest: Figures; readonly most: number },
): Figures | undefined {
  const { workload, smallest, most } = given
  if (!meetsLimits(smallest, workload)) return undefined
  const largest = figuresAt(plan, workload, Math.max(smallest.batch, most))
  if (meetsLimits(largest, workload)) return largest
  let best = smallest
  let above = largest.batch
  while (above > best.batch * PRECISION && above - best.batch > 1) {
    const middle = figuresAt(plan, workload, Math.floor(Math.sqrt(above * best.batch)))
    if (middle.batch === best.batch) break
    if (meetsLimits(middle, workload)) best = middle
    else above = middle.batch
  }
  return best
}

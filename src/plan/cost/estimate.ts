/**
 * The whole answer to "how fast is this model on this fleet": placement, latency and throughput by
 * batch, what limits them, what to change, and where the answer is no. Nothing of money.
 */
import { fleetCards } from '../fleet/fleet.js'
import { type Advice, adviceFor } from './advice.js'
import { type Bottleneck, bottleneckOf } from './bottleneck.js'
import type { Confidence } from './confidence.js'
import { type CostPlan, isPlan } from './cost-plan.js'
import { batchesOf, type Figures, figuresAt, maxBatch, meetsLimits, steadyLoad } from './figures.js'
import { stepSeconds } from './load.js'
import { cacheBytes } from './model-work.js'
import { type PartTime, partTimes, stepConfidence } from './part-times.js'
import type { Placement, Shortage } from './placement.js'
import { type Candidate, layOutFor, quickFigures } from './quick.js'
import { type Verdict, verdictsFor } from './verdicts.js'

export type BatchEstimate = Omit<Figures, 'parts'> & {
  readonly stepS: number
  readonly outputTokensPerSecondPerCard: number
  readonly totalTokensPerSecondPerCard: number
  readonly parts: readonly PartTime[]
  readonly bottleneck: Bottleneck
  /** Of the times: the weakest of all parts that matter. */
  readonly confidence: Confidence
  readonly meetsLimits: boolean
}

export type Estimate = {
  readonly fits: true
  readonly model: string
  readonly fleet: string
  readonly workload: string
  readonly cards: number
  readonly placement: Placement
  readonly trunkBytes: number
  readonly pageBytes: number
  readonly pages: number
  /** KV cache of one sequence of prompt and answer. */
  readonly sequenceBytes: number
  /** Sequences whose KV cache has room. */
  readonly maxBatch: number
  /** Hosts behind the network that a token goes to in a layer, on average. */
  readonly copiesPerToken: number
  /** Batches that have no room are left out. */
  readonly curve: readonly BatchEstimate[]
  /** Most tokens per second within the limits; undefined: no batch keeps them. */
  readonly best?: BatchEstimate
  readonly advice: readonly Advice[]
  readonly verdicts: readonly Verdict[]
  readonly assumptions: readonly string[]
}

export function estimate(candidate: Candidate): Estimate | Shortage {
  const plan = layOutFor(candidate)
  if (!isPlan(plan)) return plan
  const { workload, model, fleet } = candidate
  const most = maxBatch(plan, workload)
  const quick = quickFigures(plan, workload)
  const batches = batchesOf(workload, { most, best: quick.best?.batch ?? most })
  const curve = batches.map((batch) => estimateAt(plan, candidate, batch))
  const best = curve.find(({ batch }) => batch === quick.best?.batch)
  return {
    fits: true,
    model: model.name,
    fleet: fleet.name,
    workload: workload.name,
    cards: cardsOf(plan),
    placement: plan.placement,
    trunkBytes: plan.work.trunkBytes,
    pageBytes: plan.work.pageBytes,
    pages: model.moeLayers * model.experts,
    sequenceBytes: cacheBytes(plan.work, workload.promptTokens + workload.outputTokens),
    maxBatch: most,
    copiesPerToken: plan.layout === 'apart' ? plan.copies : 0,
    curve,
    ...(best !== undefined && { best }),
    advice: adviceFor(candidate, quick),
    verdicts: verdictsFor(candidate, { plan, quick }),
    assumptions: assumptionsOf(plan),
  }
}

function estimateAt(plan: CostPlan, { workload }: Candidate, batch: number): BatchEstimate {
  const { parts, ...figures } = figuresAt(plan, workload, batch)
  const stepS = stepSeconds(parts)
  const times = partTimes(plan, parts)
  const cards = cardsOf(plan)
  return {
    ...figures,
    stepS,
    outputTokensPerSecondPerCard: figures.outputTokensPerSecond / cards,
    totalTokensPerSecondPerCard: figures.totalTokensPerSecond / cards,
    parts: times,
    bottleneck: bottleneckOf(plan, steadyLoad(plan, workload, batch)),
    confidence: stepConfidence(times),
    meetsLimits: meetsLimits({ parts, ...figures }, workload),
  }
}

function cardsOf({ fleet }: CostPlan): number {
  return Math.max(1, fleetCards(fleet))
}

function assumptionsOf({ options, layout, placement }: CostPlan): string[] {
  const { popularity, microBatches, headSplit, drafts } = options
  const common = [
    popularity.kind === 'uniform'
      ? 'all experts are equally popular'
      : `experts are as popular as Zipf with exponent ${popularity.exponent} has it`,
    'tokens choose experts independently; placement by common choice would save copies',
    'prompts do not wait: queues are for the simulator',
    ...(drafts === undefined ? [] : [`${drafts.kept} of ${drafts.tokens} drafts are kept`]),
  ]
  if (layout === 'whole') {
    const sets = 'groups' in placement ? `, in ${placement.groups} groups` : ''
    return [
      ...common,
      `attention is data parallel, experts are spread over cards${sets}`,
      'the tokens of a prompt are spread over the cards, the sequences that decode are not divided',
    ]
  }
  return [
    ...common,
    microBatches !== 2
      ? 'head and experts of a layer work one after the other'
      : 'two micro-batches take turns between head and experts',
    headSplit === 'layers'
      ? "one of the head's cards works at a time, as layers lie on them in turn"
      : "all of the head's cards work on each layer",
  ]
}

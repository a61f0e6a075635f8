/** What the cost model says of a measured run, from its cards, its format and its users alone. */
import { assert, defined } from '../../base/assert.js'
import type { Card } from '../catalog/card.js'
import { DEFAULT_ECONOMICS } from '../fleet/defaults.js'
import type { Fleet } from '../fleet/fleet.js'
import { findBuiltinModel } from '../model/builtin.js'
import type { ModelShape } from '../model/shape.js'
import { weightBits } from '../model/weight-formats.js'
import type { Workload } from '../workload.js'
import { type CostPlan, isPlan, layOut, stepParts } from './cost-plan.js'
import type { Efficiency } from './efficiency.js'
import { figuresAt, tokensPerStep } from './figures.js'
import { stepSeconds } from './load.js'
import { decodingSequences, type MeasuredRun } from './measured.js'
import { type ModelWork, modelWork } from './model-work.js'
import { COST_OPTIONS, type CostOptions } from './options.js'

export type Prediction = {
  /** With as many sequences in decode as there were. */
  readonly tpotS: number
  readonly totalTokensPerSecondPerCard: number
}

/** DeepSeek-V3 keeps the second token of 85 to 90 % of all steps (arXiv 2412.19437, 5.4.3). */
const DRAFTS = { tokens: 1, kept: 0.85 }

export function predictRun(run: MeasuredRun, efficiency: Efficiency): Prediction {
  const { cards } = run
  if (cards.kind === 'together') return together(run, { cards: cards.cards, efficiency })
  if (cards.kind === 'split') return divided(run, { ...cards, efficiency })
  let best: Prediction | undefined
  for (let decode = cards.unit; decode < cards.cards; decode += cards.unit) {
    const parts = { prefill: cards.cards - decode, decode, groupCards: undefined, efficiency }
    const one = divided(run, parts)
    const most = best?.totalTokensPerSecondPerCard ?? 0
    if (one.totalTokensPerSecondPerCard > most) best = one
  }
  return defined(best, 'a split of the cards')
}

type At = { readonly cards: number; readonly efficiency: Efficiency }

function together(run: MeasuredRun, { cards, efficiency }: At): Prediction {
  const figures = figuresAt(planOf(run, { cards, efficiency }), workloadOf(run), run.concurrency)
  const { tpotS, totalTokensPerSecond } = figures
  return { tpotS, totalTokensPerSecondPerCard: totalTokensPerSecond / cards }
}

type Division = {
  readonly prefill: number
  readonly decode: number
  readonly groupCards: number | undefined
  readonly efficiency: Efficiency
}

/**
 * A closed loop: a user's next prompt comes when the answer is there. As many sequences decode as
 * the cards for prefill can feed, at most all that are not in prefill themselves.
 */
function divided(run: MeasuredRun, division: Division): Prediction {
  const { prefill, decode, groupCards, efficiency } = division
  const { promptTokens, outputTokens, concurrency } = run
  const decoding = planOf(run, { cards: decode, groupCards, efficiency })
  const filling = planOf(run, { cards: prefill, efficiency })
  const promptS = promptSeconds(filling, promptTokens)
  const tpotS = (sequences: number): number =>
    stepSeconds(
      stepParts(decoding, {
        prefillTokens: 0,
        decodeSequences: sequences,
        contextTokens: promptTokens + outputTokens / 2,
      }),
    ) / tokensPerStep(decoding)
  const perSecond = (sequences: number): number => sequences / (outputTokens * tpotS(sequences))
  let low = 0
  let high = concurrency
  for (let round = 0; round < HALVINGS; round++) {
    const middle = (low + high) / 2
    const rate = perSecond(middle)
    const isFed = rate * promptS <= 1 && middle + rate * promptS <= concurrency
    if (isFed) low = middle
    else high = middle
  }
  const total = perSecond(low) * (promptTokens + outputTokens)
  return {
    tpotS: tpotS(decodingSequences(run)),
    totalTokensPerSecondPerCard: total / (prefill + decode),
  }
}

const HALVINGS = 14

/** Mean seconds of a prompt with many of them under way, each group of cards at its own. */
function promptSeconds(plan: CostPlan, promptTokens: number): number {
  assert(plan.layout === 'whole', 'cards of a rack')
  const { groups } = plan.placement
  const load = {
    prefillTokens: groups * Math.max(promptTokens, COST_OPTIONS.chunkTokens),
    decodeSequences: 0,
    contextTokens: 0,
    promptContextTokens: promptTokens / 2,
  }
  return (stepSeconds(stepParts(plan, load)) * promptTokens) / load.prefillTokens
}

function planOf(run: MeasuredRun, at: At & { readonly groupCards?: number | undefined }): CostPlan {
  const options: CostOptions = {
    ...COST_OPTIONS,
    efficiency: at.efficiency,
    cacheBytesPerValue: run.model === 'deepseek-r1' && run.format === 'fp4' ? 1 : 2,
    ...(run.isDrafted && { drafts: DRAFTS }),
  }
  const work = workOf(run, options)
  const fleet = fleetOf(run.card, at)
  const plan = layOut({
    model: work.shape,
    fleet,
    options,
    work,
    sequences: 0,
    contextTokens: 0,
  })
  assert(isPlan(plan), `${run.id} does not fit its cards`)
  return plan
}

/** Of DeepSeek-R1 attention stays in 8 bits where the experts have 4. */
function shapeOf({ model, format, card }: MeasuredRun): ModelShape {
  const shape = defined(findBuiltinModel(model), model)
  if (model !== 'deepseek-r1') return shape
  const four = card.vendor === 'nvidia' ? 'fp8/nvfp4' : 'fp8/mxfp4'
  return { ...shape, bits: weightBits(format === 'fp4' ? four : 'fp8') }
}

/** A fit asks for the same runs again and again. */
const knownWork = new WeakMap<MeasuredRun, ModelWork>()

function workOf(run: MeasuredRun, options: CostOptions): ModelWork {
  const known = knownWork.get(run)
  if (known !== undefined) return known
  const work = modelWork(shapeOf(run), options)
  knownWork.set(run, work)
  return work
}

/** Hosts of the size in which these cards come, with a port of 400 Gb/s for each card. */
function fleetOf(
  card: Card,
  { cards, groupCards }: { readonly cards: number; readonly groupCards?: number | undefined },
): Fleet {
  const scaleUp = defined(card.scaleUp, `scale-up link of ${card.id}`)
  const linked = { ...scaleUp, cards: groupCards ?? Math.min(scaleUp.cards, cards) }
  return {
    name: card.name,
    layout: 'whole',
    head: {
      name: card.name,
      count: 1,
      cards: [{ card: { ...card, scaleUp: linked }, count: cards }],
      nic: { bytesPerSecond: cards * 50e9, transportS: 2e-6 },
      ramBytes: 1e12,
      ramBytesPerSecond: 400e9,
      diskBytes: 0,
      diskBytesPerSecond: 0,
      powerW: 0,
    },
    domains: [],
    switch: { latencyS: 1e-6, bufferBytes: 64e6, priceUsd: 0, powerW: 0 },
    replicas: 1,
    dispatchBytesPerValue: 1,
    combineBytesPerValue: 2,
    economics: DEFAULT_ECONOMICS,
    owned: false,
  }
}

function workloadOf({ id, promptTokens, outputTokens, concurrency }: MeasuredRun): Workload {
  return {
    name: id,
    promptTokens,
    outputTokens,
    batches: [concurrency],
    ttftS: Number.POSITIVE_INFINITY,
    tpotS: Number.POSITIVE_INFINITY,
    utilisation: 1,
    cachedShare: 0,
  }
}

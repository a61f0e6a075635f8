/**
 * Holds the estimate of a rack to a measured run of the same model on the same cards: how far the
 * cost model is off for that run tells how far it is off here.
 */
import { defined } from '../../base/assert.js'
import type { Card } from '../catalog/card.js'
import { findBuiltinModel } from '../model/builtin.js'
import type { ModelShape } from '../model/shape.js'
import { EFFICIENCY } from './efficiency.js'
import { cardCount, MEASURED_RUNS, type MeasuredRun } from './measured.js'
import { predictRun } from './predict-run.js'

export type MeasuredCheck = {
  /** ISO date. */
  readonly date: string
  readonly source: string
  readonly format: MeasuredRun['format']
  readonly cards: number
  readonly users: number
  readonly tpotS: number
  /** Prompt and answer tokens, as measured and as the cost model has the same run. */
  readonly totalTokensPerSecondPerCard: number
  readonly predictedTokensPerSecondPerCard: number
  /** Predicted over measured: above 1 the cost model is too fast. */
  readonly ratio: number
}

export type Asked = {
  readonly model: ModelShape
  readonly card: Card
  readonly promptTokens: number
  readonly outputTokens: number
  /** Sequences at once over cards. */
  readonly usersPerCard: number
}

/** By the run whose users to a card are nearest; undefined: none with such a model and lengths. */
export function measuredCheck(asked: Asked): MeasuredCheck | undefined {
  const runs = MEASURED_RUNS.filter((run) => isLike(run, asked))
  const [first, ...others] = runs
  if (first === undefined) return undefined
  const run = others.reduce((a, b) => (distance(b, asked) < distance(a, asked) ? b : a), first)
  const predicted = predictRun(run, EFFICIENCY).totalTokensPerSecondPerCard
  return {
    date: run.date,
    source: run.source,
    format: run.format,
    cards: cardCount(run),
    users: run.concurrency,
    tpotS: run.tpotS,
    totalTokensPerSecondPerCard: run.totalTokensPerSecondPerCard,
    predictedTokensPerSecondPerCard: predicted,
    ratio: predicted / run.totalTokensPerSecondPerCard,
  }
}

function isLike(run: MeasuredRun, { model, card, promptTokens, outputTokens }: Asked): boolean {
  const hasLengths = run.promptTokens === promptTokens && run.outputTokens === outputTokens
  return hasLengths && run.card.id === card.id && isSameShape(run, model)
}

/** Whatever it is called: DeepSeek-V3 and R1 are one shape. */
function isSameShape(run: MeasuredRun, model: ModelShape): boolean {
  const shape = defined(findBuiltinModel(run.model), run.model)
  return SIZES.every((size) => shape[size] === model[size])
}

const SIZES = ['hidden', 'layers', 'experts', 'expertsUsed', 'expertFfn'] as const

/** Of logarithms, so that half and double are as near. */
function distance(run: MeasuredRun, { usersPerCard }: Asked): number {
  return Math.abs(Math.log(run.concurrency / cardCount(run) / usersPerCard))
}

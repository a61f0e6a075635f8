/**
 * Measured runs of DeepSeek-R1 (InferenceX benchmark), as data: what the cost model is fitted to
 * and judged by. How many cards a run had is given, or follows from Little's law: sequences at once
 * are tokens per second times the time a sequence stays.
 */
import type { Card } from '../catalog/card.js'
import { mi300x, mi325x, mi355x } from '../catalog/cards/amd.js'
import { b200, gb200, gb300 } from '../catalog/cards/nvidia-blackwell.js'
import { h100, h200 } from '../catalog/cards/nvidia-hopper.js'

export type MeasuredRun = {
  readonly id: string
  readonly source: string
  readonly card: Card
  readonly format: 'fp4' | 'fp8'
  readonly promptTokens: number
  readonly outputTokens: number
  /** Sequences at once, those in prefill included. */
  readonly concurrency: number
  readonly cards: Cards
  /** Whether one token is drafted beside the sure one. */
  readonly isDrafted: boolean
  readonly tpotS: number
  /** Prompt and answer tokens. */
  readonly totalTokensPerSecondPerCard: number
  /** Whether the constants are fitted to it. */
  readonly isFitted: boolean
}

export type Cards =
  /** Some take in prompts, the others decode, in groups of `groupCards` that share the experts. */
  | {
      readonly kind: 'split'
      readonly prefill: number
      readonly decode: number
      readonly groupCards: number
    }
  /** Divided between the two in a way that is not told: the best multiple of `unit` is taken. */
  | { readonly kind: 'any-split'; readonly cards: number; readonly unit: number }
  /** All do both. */
  | { readonly kind: 'together'; readonly cards: number }

/** Sequences that decode at once, by Little's law. */
export function decodingSequences(run: MeasuredRun): number {
  const { promptTokens, outputTokens, totalTokensPerSecondPerCard, tpotS } = run
  const perSecond = totalTokensPerSecondPerCard * cardCount(run)
  return (perSecond / (promptTokens + outputTokens)) * outputTokens * tpotS
}

export function cardCount({ cards }: MeasuredRun): number {
  return cards.kind === 'split' ? cards.prefill + cards.decode : cards.cards
}

/** One of each kind: few and many users, long prompts, cards that do both. */
const FITTED: ReadonlySet<string> = new Set([
  'gb200-1k-4',
  'gb200-1k-4301',
  'b200-8k-1691',
  'h200-sxm-8k-256',
  'mi355x-8k-2048',
  'mi300x-8k-64',
])

type Run = {
  readonly users: number
  readonly cards: Cards
  /** Tokens per second and card. */
  readonly rate: number
  readonly tpotMs: number
}

const split = (prefill: number, decode: number, groupCards: number): Cards => {
  return { kind: 'split', prefill, decode, groupCards }
}
const anySplit = (cards: number, unit: number): Cards => ({ kind: 'any-split', cards, unit })
const eight: Cards = { kind: 'together', cards: 8 }

const RACK_RUNS: readonly Run[] = [
  { users: 4, cards: split(4, 32, 8), rate: 60.7, tpotMs: 3.49 },
  { users: 24, cards: split(4, 32, 8), rate: 274.8, tpotMs: 4.5 },
  { users: 180, cards: split(4, 32, 32), rate: 1149.1, tpotMs: 6.08 },
  { users: 2253, cards: split(12, 32, 32), rate: 7698, tpotMs: 10.99 },
  { users: 4301, cards: split(8, 16, 16), rate: 12_659.7, tpotMs: 23.1 },
  { users: 16_130, cards: split(12, 20, 4), rate: 14_659.4, tpotMs: 56.11 },
]

/** By Little's law 30, 66, 30, 25, 8, 8, 50 and 8 cards, here in whole hosts. */
const BEST_RUNS: readonly (Run & Pick<MeasuredRun, 'card' | 'format'>)[] = [
  { card: gb300, format: 'fp4', users: 2253, cards: anySplit(32, 4), rate: 18_131.6, tpotMs: 33.6 },
  { card: gb200, format: 'fp4', users: 4301, cards: anySplit(64, 4), rate: 14_952, tpotMs: 36.9 },
  { card: b200, format: 'fp4', users: 1691, cards: anySplit(32, 8), rate: 13_429.7, tpotMs: 33.5 },
  { card: mi355x, format: 'fp4', users: 2048, cards: anySplit(24, 8), rate: 4222.8, tpotMs: 108.1 },
  { card: h200, format: 'fp8', users: 256, cards: eight, rate: 2453.9, tpotMs: 106.1 },
  { card: mi325x, format: 'fp8', users: 64, cards: eight, rate: 907.6, tpotMs: 74.8 },
  { card: h100, format: 'fp8', users: 154, cards: anySplit(48, 16), rate: 850.1, tpotMs: 25.1 },
  { card: mi300x, format: 'fp8', users: 64, cards: eight, rate: 790.8, tpotMs: 85.3 },
]

function measured(
  { users, cards, rate, tpotMs }: Run,
  given: Omit<MeasuredRun, 'id' | 'isFitted' | 'isDrafted' | keyof Outcome>,
): MeasuredRun {
  const { card, format, promptTokens } = given
  const id = `${card.id}-${promptTokens / 1024}k-${users}`
  return {
    ...given,
    id,
    cards,
    concurrency: users,
    // Told of the rack's runs; those in 4 bits came with programs that draft.
    isDrafted: format === 'fp4' && card.vendor === 'nvidia',
    tpotS: tpotMs / 1000,
    totalTokensPerSecondPerCard: rate,
    isFitted: FITTED.has(id),
  }
}

type Outcome = Pick<MeasuredRun, 'concurrency' | 'cards' | 'tpotS' | 'totalTokensPerSecondPerCard'>

export const MEASURED_RUNS: readonly MeasuredRun[] = [
  // TensorRT-LLM under Dynamo with multi-token prediction, May 2026.
  ...RACK_RUNS.map((run) =>
    measured(run, {
      source:
        'InferenceX-app content/blog/gb200-nvl72-vs-b200-disagg-deepseek-r1-fp4-dynamo-trt.mdx',
      card: gb200,
      format: 'fp4',
      promptTokens: 1024,
      outputTokens: 1024,
    }),
  ),
  // The configuration of each card with most tokens per second, April 2026.
  ...BEST_RUNS.map((run) =>
    measured(run, {
      source: 'InferenceX-app content/blog/best-gpu-for-dsr1-inference.mdx',
      card: run.card,
      format: run.format,
      promptTokens: 8192,
      outputTokens: 1024,
    }),
  ),
]

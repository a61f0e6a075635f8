/**
 * Measured runs of DeepSeek-R1 and gpt-oss-120b (InferenceX benchmark), as data: what the cost
 * model is fitted to and judged by. How many cards a run had is given, or follows from Little's
 * law: sequences at once are tokens per second times the time a sequence stays.
 */
import type { Card } from '../catalog/card.js'
import { mi300x, mi325x, mi355x } from '../catalog/cards/amd.js'
import { b200, gb200, gb300 } from '../catalog/cards/nvidia-blackwell.js'
import { h100, h200 } from '../catalog/cards/nvidia-hopper.js'

export type MeasuredRun = {
  readonly id: string
  readonly source: string
  /** ISO date. */
  readonly date: string
  readonly card: Card
  /** Id of a built-in shape. */
  readonly model: 'deepseek-r1' | 'gpt-oss-120b'
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

/** One of each kind: few and many users, long prompts, cards that do both, small experts. */
const FITTED: ReadonlySet<string> = new Set([
  'gb200-1k-4',
  'gb200-1k-4301',
  'b200-8k-1691',
  'h200-sxm-8k-256',
  'h100-sxm-1k-64-oss',
  'mi355x-8k-2048',
  'mi300x-8k-64',
  'mi300x-1k-64-oss',
])

type Run = {
  readonly card: Card
  readonly users: number
  readonly cards: Cards
  /** Tokens per second and card. */
  readonly rate: number
  readonly tpotMs: number
  readonly date: string
}

const split = (prefill: number, decode: number, groupCards: number): Cards => {
  return { kind: 'split', prefill, decode, groupCards }
}
const anySplit = (cards: number, unit: number): Cards => ({ kind: 'any-split', cards, unit })
const all = (cards: number): Cards => ({ kind: 'together', cards })

/** TensorRT-LLM under Dynamo with multi-token prediction. */
const GB200 = { card: gb200, date: '2026-05-22' }
const RACK_RUNS: readonly Run[] = [
  { ...GB200, users: 4, cards: split(4, 32, 8), rate: 60.7, tpotMs: 3.49 },
  { ...GB200, users: 24, cards: split(4, 32, 8), rate: 274.8, tpotMs: 4.5 },
  { ...GB200, users: 180, cards: split(4, 32, 32), rate: 1149.1, tpotMs: 6.08 },
  { ...GB200, users: 2253, cards: split(12, 32, 32), rate: 7698, tpotMs: 10.99 },
  { ...GB200, users: 4301, cards: split(8, 16, 16), rate: 12_659.7, tpotMs: 23.1 },
  { ...GB200, users: 16_130, cards: split(12, 20, 4), rate: 14_659.4, tpotMs: 56.11 },
]

// The configuration of each card with most tokens per second.

/** By Little's law 13, 13, 13, 13, 26, 51, 8 and 8 cards, here in hosts or halves of them. */
const R1_SHORT: readonly Run[] = [
  {
    card: gb300,
    users: 8192,
    cards: anySplit(12, 4),
    rate: 18_321,
    tpotMs: 66.9,
    date: '2026-02-03',
  },
  {
    card: gb200,
    users: 6144,
    cards: anySplit(12, 4),
    rate: 15_003,
    tpotMs: 55.3,
    date: '2026-03-23',
  },
  {
    card: b200,
    users: 4096,
    cards: anySplit(12, 4),
    rate: 13_067.3,
    tpotMs: 46.3,
    date: '2026-01-29',
  },
  {
    card: mi355x,
    users: 2048,
    cards: anySplit(12, 4),
    rate: 3024.4,
    tpotMs: 63.3,
    date: '2026-03-13',
  },
  {
    card: h200,
    users: 1024,
    cards: anySplit(24, 8),
    rate: 2315.7,
    tpotMs: 31.9,
    date: '2026-03-23',
  },
  {
    card: h100,
    users: 4916,
    cards: anySplit(48, 16),
    rate: 1375.9,
    tpotMs: 119.5,
    date: '2026-02-08',
  },
  { card: mi325x, users: 64, cards: all(8), rate: 342.8, tpotMs: 44.7, date: '2026-02-27' },
  { card: mi300x, users: 64, cards: all(8), rate: 298.7, tpotMs: 51.3, date: '2026-02-27' },
]

/** By Little's law 30, 66, 30, 25, 8, 8, 50 and 8 cards, here in whole hosts. */
const R1_LONG: readonly Run[] = [
  {
    card: gb300,
    users: 2253,
    cards: anySplit(32, 4),
    rate: 18_131.6,
    tpotMs: 33.6,
    date: '2026-02-03',
  },
  {
    card: gb200,
    users: 4301,
    cards: anySplit(64, 4),
    rate: 14_952,
    tpotMs: 36.9,
    date: '2026-03-23',
  },
  {
    card: b200,
    users: 1691,
    cards: anySplit(32, 8),
    rate: 13_429.7,
    tpotMs: 33.5,
    date: '2026-01-29',
  },
  {
    card: mi355x,
    users: 2048,
    cards: anySplit(24, 8),
    rate: 4222.8,
    tpotMs: 108.1,
    date: '2026-03-13',
  },
  { card: h200, users: 256, cards: all(8), rate: 2453.9, tpotMs: 106.1, date: '2026-01-14' },
  { card: mi325x, users: 64, cards: all(8), rate: 907.6, tpotMs: 74.8, date: '2026-02-27' },
  {
    card: h100,
    users: 154,
    cards: anySplit(48, 16),
    rate: 850.1,
    tpotMs: 25.1,
    date: '2026-02-08',
  },
  { card: mi300x, users: 64, cards: all(8), rate: 790.8, tpotMs: 85.3, date: '2026-02-27' },
]

/** By Little's law 3, 1, 1, 1, 2, 2 and 1 cards. */
const GPT_OSS_SHORT: readonly Run[] = [
  {
    card: gb200,
    users: 2048,
    cards: anySplit(3, 1),
    rate: 52_495.8,
    tpotMs: 24.6,
    date: '2026-01-07',
  },
  { card: b200, users: 256, cards: all(1), rate: 28_012.9, tpotMs: 17.9, date: '2026-02-05' },
  { card: mi355x, users: 128, cards: all(1), rate: 17_577.2, tpotMs: 14.2, date: '2026-01-14' },
  { card: h200, users: 64, cards: all(1), rate: 6063.8, tpotMs: 20.6, date: '2025-12-15' },
  { card: mi325x, users: 64, cards: all(2), rate: 4521.2, tpotMs: 13.8, date: '2026-03-09' },
  { card: h100, users: 64, cards: all(2), rate: 4170.9, tpotMs: 15, date: '2026-03-27' },
  { card: mi300x, users: 64, cards: all(1), rate: 3887.2, tpotMs: 32.2, date: '2026-03-09' },
]

/** By Little's law 1, 4, 1, 1, 1, 1 and 2 cards. */
const GPT_OSS_LONG: readonly Run[] = [
  { card: b200, users: 256, cards: all(1), rate: 61_612.7, tpotMs: 36.7, date: '2026-02-05' },
  {
    card: gb200,
    users: 512,
    cards: anySplit(4, 1),
    rate: 53_952.5,
    tpotMs: 14.7,
    date: '2026-01-07',
  },
  { card: mi355x, users: 128, cards: all(1), rate: 44_999.3, tpotMs: 25.1, date: '2026-01-14' },
  { card: h200, users: 64, cards: all(1), rate: 15_202.1, tpotMs: 31.3, date: '2025-12-15' },
  { card: mi325x, users: 64, cards: all(1), rate: 13_010.9, tpotMs: 43.5, date: '2026-03-09' },
  { card: mi300x, users: 64, cards: all(1), rate: 11_511.9, tpotMs: 49, date: '2026-03-09' },
  { card: h100, users: 64, cards: all(2), rate: 10_394, tpotMs: 27, date: '2026-03-27' },
]

type Setting = Pick<MeasuredRun, 'source' | 'model' | 'promptTokens' | 'outputTokens'>

function measured({ card, users, cards, rate, tpotMs, date }: Run, setting: Setting): MeasuredRun {
  const { model, promptTokens } = setting
  const id = `${card.id}-${promptTokens / 1024}k-${users}${model === 'deepseek-r1' ? '' : '-oss'}`
  // Of cards without arithmetic in 4 bits DeepSeek-R1 is run in the 8 bits it was published in.
  const isOld = card === h100 || card === h200 || card === mi300x || card === mi325x
  const format = model === 'deepseek-r1' && isOld ? 'fp8' : 'fp4'
  return {
    ...setting,
    id,
    date,
    card,
    cards,
    format,
    concurrency: users,
    // Told of the rack's runs; those in 4 bits came with programs that draft.
    isDrafted: model === 'deepseek-r1' && format === 'fp4' && card.vendor === 'nvidia',
    tpotS: tpotMs / 1000,
    totalTokensPerSecondPerCard: rate,
    isFitted: FITTED.has(id),
  }
}

const BLOG = 'InferenceX-app content/blog'
const RACK = `${BLOG}/gb200-nvl72-vs-b200-disagg-deepseek-r1-fp4-dynamo-trt.mdx`
const R1_BEST = `${BLOG}/best-gpu-for-dsr1-inference.mdx`
const GPT_OSS_BEST = `${BLOG}/best-gpu-for-gptoss120b-inference.mdx`
const SHORT = { promptTokens: 1024, outputTokens: 1024 }
const LONG = { promptTokens: 8192, outputTokens: 1024 }

const SETTINGS: readonly (readonly [Setting, readonly Run[]])[] = [
  [{ model: 'deepseek-r1', source: RACK, ...SHORT }, RACK_RUNS],
  [{ model: 'deepseek-r1', source: R1_BEST, ...SHORT }, R1_SHORT],
  [{ model: 'deepseek-r1', source: R1_BEST, ...LONG }, R1_LONG],
  [{ model: 'gpt-oss-120b', source: GPT_OSS_BEST, ...SHORT }, GPT_OSS_SHORT],
  [{ model: 'gpt-oss-120b', source: GPT_OSS_BEST, ...LONG }, GPT_OSS_LONG],
]

export const MEASURED_RUNS: readonly MeasuredRun[] = SETTINGS.flatMap(([setting, runs]) =>
  runs.map((run) => measured(run, setting)),
)

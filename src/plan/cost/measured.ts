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

const RACK_RUNS =
  'InferenceX-app content/blog/gb200-nvl72-vs-b200-disagg-deepseek-r1-fp4-dynamo-trt.mdx'
const BEST_RUNS = 'InferenceX-app content/blog/best-gpu-for-dsr1-inference.mdx'

type RackRun = {
  readonly concurrency: number
  readonly cards: readonly [prefill: number, decode: number, groupCards: number]
  readonly tokensPerSecond: number
  readonly tpotMs: number
  readonly isFitted?: boolean
}

/** 1,024 tokens in and out, TensorRT-LLM under Dynamo, multi-token prediction. */
function rackRun({ concurrency, cards, tokensPerSecond, tpotMs, isFitted }: RackRun): MeasuredRun {
  const [prefill, decode, groupCards] = cards
  return {
    id: `gb200-1k-${concurrency}`,
    source: RACK_RUNS,
    card: gb200,
    format: 'fp4',
    promptTokens: 1024,
    outputTokens: 1024,
    concurrency,
    cards: { kind: 'split', prefill, decode, groupCards },
    isDrafted: true,
    tpotS: tpotMs / 1000,
    totalTokensPerSecondPerCard: tokensPerSecond,
    isFitted: isFitted ?? false,
  }
}

type BestRun = {
  readonly card: Card
  readonly format: 'fp4' | 'fp8'
  readonly concurrency: number
  readonly cards: Cards
  readonly tokensPerSecond: number
  readonly tpotMs: number
  readonly isFitted?: boolean
}

/** 8,192 tokens in, 1,024 out, the configuration with most tokens per second and card. */
function bestRun({ tokensPerSecond, tpotMs, isFitted, ...run }: BestRun): MeasuredRun {
  return {
    ...run,
    id: `${run.card.id}-8k-${run.concurrency}`,
    source: BEST_RUNS,
    promptTokens: 8192,
    outputTokens: 1024,
    // Not told; those in 4 bits came with the programs that draft.
    isDrafted: run.format === 'fp4' && run.card.vendor === 'nvidia',
    tpotS: tpotMs / 1000,
    totalTokensPerSecondPerCard: tokensPerSecond,
    isFitted: isFitted ?? false,
  }
}

const eight: Cards = { kind: 'together', cards: 8 }
const split = (cards: number, unit: number): Cards => ({ kind: 'any-split', cards, unit })

export const MEASURED_RUNS: readonly MeasuredRun[] = [
  rackRun({
    concurrency: 4,
    cards: [4, 32, 8],
    tokensPerSecond: 60.7,
    tpotMs: 3.49,
    isFitted: true,
  }),
  rackRun({ concurrency: 24, cards: [4, 32, 8], tokensPerSecond: 274.8, tpotMs: 4.5 }),
  rackRun({ concurrency: 180, cards: [4, 32, 32], tokensPerSecond: 1149.1, tpotMs: 6.08 }),
  rackRun({ concurrency: 2253, cards: [12, 32, 32], tokensPerSecond: 7698, tpotMs: 10.99 }),
  rackRun({
    ...{ concurrency: 4301, cards: [8, 16, 16], tokensPerSecond: 12_659.7, tpotMs: 23.1 },
    isFitted: true,
  }),
  rackRun({ concurrency: 16_130, cards: [12, 20, 4], tokensPerSecond: 14_659.4, tpotMs: 56.11 }),
  // Cards of these by Little's law, rounded to whole hosts: 30, 66, 30, 25, 8, 8, 50 and 8.
  bestRun({
    ...{ card: gb300, format: 'fp4', concurrency: 2253, cards: split(32, 4) },
    ...{ tokensPerSecond: 18_131.6, tpotMs: 33.6 },
  }),
  bestRun({
    ...{ card: gb200, format: 'fp4', concurrency: 4301, cards: split(64, 4) },
    ...{ tokensPerSecond: 14_952, tpotMs: 36.9 },
  }),
  bestRun({
    ...{ card: b200, format: 'fp4', concurrency: 1691, cards: split(32, 8) },
    ...{ tokensPerSecond: 13_429.7, tpotMs: 33.5, isFitted: true },
  }),
  bestRun({
    ...{ card: mi355x, format: 'fp4', concurrency: 2048, cards: split(24, 8) },
    ...{ tokensPerSecond: 4222.8, tpotMs: 108.1, isFitted: true },
  }),
  bestRun({
    ...{ card: h200, format: 'fp8', concurrency: 256, cards: eight },
    ...{ tokensPerSecond: 2453.9, tpotMs: 106.1, isFitted: true },
  }),
  bestRun({
    ...{ card: mi325x, format: 'fp8', concurrency: 64, cards: eight },
    ...{ tokensPerSecond: 907.6, tpotMs: 74.8 },
  }),
  bestRun({
    ...{ card: h100, format: 'fp8', concurrency: 154, cards: split(48, 16) },
    ...{ tokensPerSecond: 850.1, tpotMs: 25.1 },
  }),
  bestRun({
    ...{ card: mi300x, format: 'fp8', concurrency: 64, cards: eight },
    ...{ tokensPerSecond: 790.8, tpotMs: 85.3, isFitted: true },
  }),
]

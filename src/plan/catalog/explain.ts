/**
 * Explains the rates of a card by arithmetic: FLOP per clock and unit, what an accumulator costs,
 * and what the rates can tell of how the units are built. All numbers are computed from the
 * catalogue; only the findings of others are texts.
 */
import { checkRate, flopPerUnit, neededClock, type RateCheck } from './arithmetic.js'
import type { Card, NumberFormat } from './card.js'
import { CARDS } from './catalogue.js'
import { type Evidence, PAIR_EVIDENCE, PAIR_SHARES } from './evidence.js'
import { pairsUnits } from './families.js'
import { denseRate } from './rates.js'

/** Rates of one format with the wide and the narrow accumulator. */
export type AccumulatorCost = {
  readonly format: NumberFormat
  readonly wide: number
  readonly narrow: number
  /** `wide / narrow`: 0.5 on a GeForce. */
  readonly share: number
  /** A card of the same architecture that does not pay it, with its FLOP per clock and unit. */
  readonly sibling?: { readonly id: string; readonly perUnit: number; readonly ownPerUnit: number }
}

export type Hypothesis = {
  readonly text: string
  /** FLOP per clock and SM that it means on average when all SMs work. */
  readonly perUnit: number
  /** Hertz at which the card would reach its rate. */
  readonly clock: number
  /** No: the clock is out of reach. Slow: below half of what the card does. */
  readonly possible: 'yes' | 'no' | 'slow'
}

export type PairQuestion = {
  /** The card whose tensor cores are the measure. */
  readonly before: { readonly id: string; readonly perUnit: number; readonly perCore: number }
  readonly maxClock: number
  readonly hypotheses: readonly Hypothesis[]
  /** Those left that mean the same rate: arithmetic cannot choose among them. */
  readonly undecided: readonly string[]
  readonly evidence: readonly Evidence[]
  readonly shares: string
  readonly experiment: PairExperiment
}

/** FLOP/s on one SM of a pair alone and on both, as each answer predicts. */
export type PairExperiment = {
  readonly how: string
  readonly loneIfPrivate: number
  readonly bothIfPrivate: number
  readonly loneIfShared: number
  readonly bothIfShared: number
}

export type Explanation = {
  readonly card: Card
  readonly checks: readonly RateCheck[]
  readonly accumulators: readonly AccumulatorCost[]
  readonly pair?: PairQuestion
}

export function explainCard(card: Card): Explanation {
  return {
    card,
    checks: card.rates.map((rate) => checkRate(card, rate)),
    accumulators: accumulatorCosts(card),
    ...(pairsUnits(card.architecture) ? { pair: askPair(card) } : {}),
  }
}

function accumulatorCosts(card: Card): AccumulatorCost[] {
  return (['fp16', 'fp8'] as const).flatMap((format) => {
    const wide = denseRate(card, format, 'fp32')?.value
    const narrow = denseRate(card, format, 'fp16')?.value
    if (wide === undefined || narrow === undefined) return []
    const share = wide / narrow
    const sibling = share < 0.75 ? freeSibling(card, format, wide) : {}
    return [{ format, wide, narrow, share, ...sibling }]
  })
}

/** A card with the same tensor cores that sums in FP32 at the full rate. */
function freeSibling(
  card: Card,
  format: NumberFormat,
  wide: number,
): Pick<AccumulatorCost, 'sibling'> {
  const ownPerUnit = flopPerUnit(card, wide)
  for (const other of CARDS.filter(({ architecture }) => architecture === card.architecture)) {
    const rate = denseRate(other, format, 'fp32')
    const perUnit = rate === undefined ? 0 : flopPerUnit(other, rate.value)
    if (perUnit > 1.5 * ownPerUnit) return { sibling: { id: other.id, perUnit, ownPerUnit } }
  }
  return {}
}

const BEFORE = 'h100-sxm'
const EXPERIMENT =
  'run cta_group::1 with M = 128, N = 256 on one SM of a pair, then on both at the same time'

/** Whether two SMs share a tensor core, asked of BF16. */
function askPair(card: Card): PairQuestion {
  const before = CARDS.find(({ id }) => id === BEFORE)
  const cores = card.tensorCoresPerUnit?.value ?? 4
  const total = denseRate(card, 'bf16')?.value ?? 0
  const beforeUnit = before === undefined ? 0 : powerOf(before)
  const hypotheses = ([1, 2, 4] as const).flatMap((width) => {
    const perCore = (beforeUnit / cores) * width
    return [
      suppose(card, total, { width, shared: false, perUnit: perCore * cores }),
      suppose(card, total, { width, shared: true, perUnit: (perCore * cores) / 2 }),
    ]
  })
  const alive = hypotheses.filter(({ possible }) => possible === 'yes')
  return {
    before: { id: BEFORE, perUnit: beforeUnit, perCore: beforeUnit / cores },
    maxClock: maxClockOf(card),
    hypotheses,
    undecided: alive.map(({ text }) => text),
    evidence: PAIR_EVIDENCE,
    shares: PAIR_SHARES,
    experiment: predict(total / card.units.value),
  }
}

function powerOf(card: Card): number {
  const rate = denseRate(card, 'bf16')
  return rate === undefined ? 0 : checkRate(card, rate).power
}

type Guess = { readonly width: number; readonly shared: boolean; readonly perUnit: number }

function suppose(card: Card, total: number, { width, shared, perUnit }: Guess): Hypothesis {
  const clock = neededClock(card, total, perUnit)
  const limit = maxClockOf(card)
  const owner = shared ? 'two SMs share tensor cores' : 'each SM has its own tensor cores'
  const size = width === 1 ? 'as wide as before' : `${width} times as wide`
  const possible = clock > limit ? 'no' : clock < limit / 2 ? 'slow' : 'yes'
  return { text: `${owner}, ${size}`, perUnit, clock, possible }
}

function maxClockOf({ clock, maxClock }: Card): number {
  return (maxClock ?? clock).value
}

/** `unit`: FLOP/s of one SM when all work. A shared tensor core is free for the one that asks. */
function predict(unit: number): PairExperiment {
  return {
    how: EXPERIMENT,
    loneIfPrivate: unit,
    bothIfPrivate: 2 * unit,
    loneIfShared: 2 * unit,
    bothIfShared: 2 * unit,
  }
}

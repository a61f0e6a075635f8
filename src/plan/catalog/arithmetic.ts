/**
 * The arithmetic by which a rate can be checked: a matrix unit is built of multipliers in powers of
 * two, so FLOP per clock and unit (SM, compute unit, core) is a power of two as well. Pure.
 */
import type { Card, Rate } from './card.js'

/**
 * Vendors print three digits of a rate and of a clock: each is off by at most half of its last
 * digit, 0.5 % at worst (1.00), so 1 % together. Wrong rows are off by 10 % and more: 1,835 for
 * 2,048, or 1,536 between two powers.
 */
export const TOLERANCE = 0.01

/**
 * `inferred`: the clock or the rate was worked out with the power of two in mind, so its agreement
 * confirms nothing. `unchecked`: the row says why the arithmetic does not hold for it.
 */
export type Verdict = 'holds' | 'inferred' | 'unchecked' | 'fails'

export type RateCheck = {
  readonly rate: Rate
  /** FLOP per clock of one unit, as the figures give it. */
  readonly perUnit: number
  /** The nearest power of two. */
  readonly power: number
  /** Of `perUnit` from `power`, as a share of it. */
  readonly deviation: number
  /** `power`, or of an unchecked rate `perUnit`, shared among the tensor cores of a unit. */
  readonly perTensorCore?: number
  readonly verdict: Verdict
}

/** FLOP per clock of one unit at the card's clock. */
export function flopPerUnit({ units, clock }: Card, flopsPerSecond: number): number {
  return flopsPerSecond / (units.value * clock.value)
}

/** Hertz at which all units together reach a rate. */
export function neededClock({ units }: Card, flopsPerSecond: number, perUnit: number): number {
  return flopsPerSecond / (units.value * perUnit)
}

export function checkRate(card: Card, rate: Rate): RateCheck {
  const perUnit = flopPerUnit(card, rate.value)
  const power = nearestPower(perUnit)
  const deviation = perUnit / power - 1
  const cores = card.tensorCoresPerUnit?.value
  const verdict = judge(card, rate, deviation)
  const whole = verdict === 'unchecked' ? perUnit : power
  return {
    ...{ rate, perUnit, power, deviation, verdict },
    ...(cores === undefined ? {} : { perTensorCore: whole / cores }),
  }
}

function judge(card: Card, rate: Rate, deviation: number): Verdict {
  if (rate.unchecked !== undefined) return 'unchecked'
  if (!(Math.abs(deviation) <= TOLERANCE)) return 'fails'
  return isInferred(card, rate) ? 'inferred' : 'holds'
}

function isInferred({ clock, units }: Card, rate: Rate): boolean {
  return [clock, units, rate].some(({ trust }) => trust === 'derived')
}

/** The nearest by ratio. */
function nearestPower(value: number): number {
  return 2 ** Math.round(Math.log2(value))
}

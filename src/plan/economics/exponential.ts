/** The line that depreciation tables draw: a price that falls by the same share every year. */
import { assert, defined } from '../../base/assert.js'
import { MONTHS_PER_YEAR } from '../../base/units.js'
import { monthNumber, type PricePoint } from './price-path.js'

export type Exponential = {
  readonly startMonth: number
  readonly startUsd: number
  /** Of a year; positive when it falls. */
  readonly rate: number
}

/** Through the first and the last point. */
export function fitExponential(points: readonly PricePoint[]): Exponential {
  assert(points.length > 1, 'a line goes through two points')
  const first = defined(points[0], 'first point')
  const last = defined(points.at(-1), 'last point')
  const startMonth = monthNumber(first.month)
  const years = (monthNumber(last.month) - startMonth) / MONTHS_PER_YEAR
  return { startMonth, startUsd: first.usd, rate: Math.log(first.usd / last.usd) / years }
}

/** Dollars of an hour in a month, as `monthNumber` counts. */
export function exponentialUsd(line: Exponential, month: number): number {
  return line.startUsd * Math.exp((-line.rate * (month - line.startMonth)) / MONTHS_PER_YEAR)
}

export function halfLifeYears({ rate }: Exponential): number {
  return Math.LN2 / rate
}

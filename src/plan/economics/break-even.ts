/** When owning beats renting: after how long, and from which utilisation on. */
import { HOURS_PER_YEAR, MONTHS_PER_YEAR } from '../../base/units.js'
import type { HourCost } from './own-cost.js'

const HOURS_PER_MONTH = HOURS_PER_YEAR / MONTHS_PER_YEAR

export type RentOrBuy = {
  /** Paid at the start. */
  readonly upfrontUsd: number
  /** Of every hour, in use or not: energy, maintenance, colocation. */
  readonly cashHourUsd: number
  /** Of every hour in use. */
  readonly rentHourUsd: number
  /** Share of hours in which rented equipment would be paid for. */
  readonly utilisation: number
  /** Of a year; money that is not bound in equipment earns this. */
  readonly discountRate: number
}

/**
 * Months until rent that was not paid has repaid the price, at the value of the first day, with
 * nothing left to sell; Infinity when it never does.
 */
export function breakEvenMonths(choice: RentOrBuy): number {
  const { upfrontUsd, cashHourUsd, rentHourUsd, utilisation, discountRate } = choice
  const savedUsd = (rentHourUsd * utilisation - cashHourUsd) * HOURS_PER_MONTH
  if (upfrontUsd <= 0) return 0
  if (savedUsd <= 0) return Number.POSITIVE_INFINITY
  const rate = (1 + discountRate) ** (1 / MONTHS_PER_YEAR) - 1
  if (rate === 0) return upfrontUsd / savedUsd
  const left = 1 - (upfrontUsd * rate) / savedUsd
  return left <= 0 ? Number.POSITIVE_INFINITY : -Math.log(left) / Math.log1p(rate)
}

/** Share of hours in use at which both cost the same; above 1: renting is always cheaper. */
export function tieUtilisation(own: HourCost, rentHourUsd: number): number {
  return own.totalUsd / rentHourUsd
}

/**
 * What an hour of owned equipment costs. Knows prices and watts only, not what they belong to.
 */
import { assert } from '../../base/assert.js'
import { HOURS_PER_YEAR, MONTHS_PER_YEAR } from '../../base/units.js'

const W_PER_KW = 1000

/** Shares and rates are 0 to 1, rates of a year. */
export type OwnTerms = {
  readonly years: number
  readonly discountRate: number
  /** Of the cards' price, when they are sold; the rest of a host is worth nothing then. */
  readonly residualShare: number
  /** Of the price of everything, each year. */
  readonly maintenanceShare: number
  readonly powerUsdPerKwh: number
  /** Of rated power; 0: at home. */
  readonly colocationUsdPerKwMonth: number
  /** Watts at the meter for one at the plug. */
  readonly pue: number
  /** Share of the time in which cards draw their rated power; else they idle. */
  readonly load: number
}

/** Those of the reference table, at home. */
export const DEFAULT_TERMS: OwnTerms = {
  years: 4,
  discountRate: 0.1,
  residualShare: 0.15,
  maintenanceShare: 0.03,
  powerUsdPerKwh: 0.08,
  colocationUsdPerKwMonth: 0,
  pue: 1.25,
  load: 0.8,
}

/** `other`: hosts, network cards and switch, which run all the time. */
export type Equipment = {
  readonly cardsUsd: number
  readonly otherUsd: number
  readonly cardsW: number
  readonly cardsIdleW: number
  readonly otherW: number
}

/** US dollars of one hour. */
export type HourCost = {
  readonly capitalUsd: number
  readonly maintenanceUsd: number
  readonly energyUsd: number
  readonly colocationUsd: number
  readonly totalUsd: number
}

/** Yearly payment that repays 1 within `years` at `rate`. */
export function capitalRecoveryFactor(rate: number, years: number): number {
  assert(years > 0 && rate >= 0, 'capital is recovered in a time, at a rate')
  return rate === 0 ? 1 / years : rate / -Math.expm1(-years * Math.log1p(rate))
}

/**
 * [(card + host + nic) - PV(residual)] x CRF(r, n) + maintenance, / 8760, + energy + colocation.
 * Read so that it gives the reference table: only cards have a residual, maintenance is on the
 * price of everything, energy counts the card at its load and the host always, colocation is paid
 * for rated power without PUE and on top of energy.
 */
export function ownHourCost(equipment: Equipment, terms: OwnTerms): HourCost {
  const { cardsUsd, otherUsd, cardsW, cardsIdleW, otherW } = equipment
  const { years, discountRate, load } = terms
  const priceUsd = cardsUsd + otherUsd
  const residualUsd = (cardsUsd * terms.residualShare) / (1 + discountRate) ** years
  const yearUsd = (priceUsd - residualUsd) * capitalRecoveryFactor(discountRate, years)
  const meanW = cardsW * load + cardsIdleW * (1 - load) + otherW
  const ratedKw = (cardsW + otherW) / W_PER_KW
  const capitalUsd = yearUsd / HOURS_PER_YEAR
  const maintenanceUsd = (priceUsd * terms.maintenanceShare) / HOURS_PER_YEAR
  const energyUsd = (meanW / W_PER_KW) * terms.pue * terms.powerUsdPerKwh
  const colocationUsd = (ratedKw * terms.colocationUsdPerKwMonth * MONTHS_PER_YEAR) / HOURS_PER_YEAR
  const totalUsd = capitalUsd + maintenanceUsd + energyUsd + colocationUsd
  return { capitalUsd, maintenanceUsd, energyUsd, colocationUsd, totalUsd }
}

/** What an hour costs in cash once the equipment is there: it is switched off when rent is less. */
export function cashHourUsd({ totalUsd, capitalUsd }: HourCost): number {
  return totalUsd - capitalUsd
}

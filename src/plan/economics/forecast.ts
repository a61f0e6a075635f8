/** Many possible futures of a rental price, and what they say of each month. */
import { assert } from '../../base/assert.js'
import { Prng } from '../../base/prng.js'
import { quantile } from '../../base/statistics.js'
import type { Draw, PriceModel } from './fit-regimes.js'

/** Median, and the interval that holds nine in ten. */
export type Spread = { readonly median: number; readonly low: number; readonly high: number }

export type MonthSpread = Spread & { readonly month: number }

const LOW = 0.05
const HIGH = 0.95

export function spreadOf(values: readonly number[]): Spread {
  return {
    median: quantile(values, 0.5),
    low: quantile(values, LOW),
    high: quantile(values, HIGH),
  }
}

/** Dollars of an hour by path and month; month 0 is that of the last point. */
export type PricePaths = { readonly months: number; readonly usd: readonly Float64Array[] }

export type PathOptions = {
  readonly months: number
  readonly paths: number
  readonly seed: number
}

export function drawPaths(model: PriceModel, { months, paths, seed }: PathOptions): PricePaths {
  assert(model.draws.length > 0, 'a price model without draws')
  const random = Prng.fromSeed(seed)
  const usd = Array.from({ length: paths }, (_, path) => {
    const draw = model.draws[path % model.draws.length]
    return draw === undefined ? new Float64Array(months + 1) : drawPath(draw, months, random)
  })
  return { months, usd }
}

function drawPath({ regimes, standing }: Draw, months: number, random: Prng): Float64Array {
  const { fall, rise, volatility, enter, leave } = regimes
  let isScarce = random.nextFloat() < standing.scarcity.weight
  const start = isScarce ? standing.scarcity : standing.glut
  let log = start.mean + Math.sqrt(start.variance) * random.nextGaussian()
  const path = new Float64Array(months + 1)
  path[0] = Math.exp(log)
  for (let month = 1; month <= months; month++) {
    const changes = random.nextFloat() < (isScarce ? leave : enter)
    isScarce = isScarce !== changes
    log += (isScarce ? rise : -fall) + volatility * random.nextGaussian()
    path[month] = Math.exp(log)
  }
  return path
}

/** `value` of each path in each month. */
export function spreadByMonth(
  { months, usd }: PricePaths,
  value: (path: Float64Array, month: number) => number,
): MonthSpread[] {
  return Array.from({ length: months + 1 }, (_, month) => ({
    month,
    ...spreadOf(usd.map((path) => value(path, month))),
  }))
}

export function forecastPrice(paths: PricePaths): MonthSpread[] {
  return spreadByMonth(paths, (path, month) => path[month] ?? Number.NaN)
}

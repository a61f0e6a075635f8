/** What models that knew a price path up to one month said of the points after it. */
import { exponentialUsd, fitExponential } from './exponential.js'
import { fitRegimes } from './fit-regimes.js'
import { drawPaths, forecastPrice, type Spread } from './forecast.js'
import { monthNumber, type PricePoint, upTo } from './price-path.js'

export type BacktestRow = {
  readonly month: string
  readonly actualUsd: number
  /** Of the regime model. */
  readonly forecastUsd: Spread
  readonly isInside: boolean
  /** Of the exponential through first and last point. */
  readonly lineUsd: number
  /** Of the line, as a share of the price: -0.45 is 45 % too low. */
  readonly lineError: number
}

export type BacktestOptions = {
  /** ISO month: the last that the models see. */
  readonly knownUpTo: string
  readonly paths: number
  readonly seed: number
}

/** A row for each later point. */
export function backtest(points: readonly PricePoint[], options: BacktestOptions): BacktestRow[] {
  const { knownUpTo, paths, seed } = options
  const known = upTo(points, knownUpTo)
  const later = points.slice(known.length)
  const line = fitExponential(known)
  const model = fitRegimes(known, seed)
  const last = monthNumber(later.at(-1)?.month ?? knownUpTo)
  const months = last - model.lastMonth
  const forecast = forecastPrice(drawPaths(model, { months, paths, seed }))
  return later.flatMap(({ month, usd }) => {
    const spread = forecast[monthNumber(month) - model.lastMonth]
    if (spread === undefined) return []
    const { median, low, high } = spread
    const lineUsd = exponentialUsd(line, monthNumber(month))
    return {
      month,
      actualUsd: usd,
      forecastUsd: { median, low, high },
      isInside: low <= usd && usd <= high,
      lineUsd,
      lineError: lineUsd / usd - 1,
    }
  })
}

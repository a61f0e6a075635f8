/** What price models that knew the rents of an H100 up to a month said of those that came later. */
import { backtest } from '../src/plan/economics/backtest.js'
import { H100_PRICES } from '../src/plan/economics/price-path.js'
import type { Benchmark, Row, Section } from './report.js'

const PATHS = 4000
const SEED = 1
/** Months of known points, each with at least one before and one after it. */
const CUTS = H100_PRICES.slice(1, -1).map(({ month }) => month)

export const planBacktest: Benchmark = {
  name: 'plan-backtest',
  about: 'rents of an H100 as the price model and an exponential foresaw them',
  run: async () => [section()],
}

function section(): Section {
  const rows = CUTS.flatMap((knownUpTo) =>
    backtest(H100_PRICES, { knownUpTo, paths: PATHS, seed: SEED }).map(
      ({ month, actualUsd, forecastUsd, isInside, lineUsd, lineError }): Row => ({
        'known up to': knownUpTo,
        month,
        'USD/h': actualUsd,
        median: forecastUsd.median,
        '5 %': forecastUsd.low,
        '95 %': forecastUsd.high,
        inside: isInside ? 'yes' : 'NO',
        exponential: lineUsd,
        'its error %': 100 * lineError,
      }),
    ),
  )
  return { title: 'plan-backtest: dollars of an hour of an H100', rows }
}

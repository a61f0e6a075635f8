import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SputnikError } from '../../../src/base/errors.js'
import { fitRegimes } from '../../../src/plan/economics/fit-regimes.js'
import { drawPaths, type PricePaths } from '../../../src/plan/economics/forecast.js'
import { DEFAULT_TERMS, ownHourCost } from '../../../src/plan/economics/own-cost.js'
import { H100_PRICES } from '../../../src/plan/economics/price-path.js'
import { ownHourSpread, valueByMonth } from '../../../src/plan/economics/value-loss.js'

const EQUIPMENT = { cardsUsd: 3000, otherUsd: 950, cardsW: 575, cardsIdleW: 30, otherW: 80 }
const EARNING = { rentUsd: 0.69, cashUsd: 0.07 }

/** One future that halves every month. */
const HALVING: PricePaths = { months: 4, usd: [Float64Array.of(16, 8, 4, 2, 1)] }

test('value follows what is left of rent above the cash cost, down to nothing', () => {
  const months = valueByMonth(HALVING, { rentUsd: 1, cashUsd: 0.2 })
  assert.deepEqual(
    months.map(({ median }) => Number(median.toFixed(4))),
    [1, 0.375, 0.0625, 0, 0],
  )
  assert.deepEqual(
    months.map(({ offShare }) => offShare),
    [0, 0, 0, 1, 1],
  )
})

test('a used card is never worth more than a new one', () => {
  const doubling: PricePaths = { months: 2, usd: [Float64Array.of(1, 2, 4)] }
  const months = valueByMonth(doubling, { rentUsd: 1, cashUsd: 0.2 })
  assert.deepEqual(
    months.map(({ high }) => high),
    [1, 1, 1],
  )
})

test('a rent that does not pay the cash cost names the field', () => {
  assert.throws(
    () => valueByMonth(HALVING, { rentUsd: 0.05, cashUsd: 0.07 }),
    (error: unknown) => error instanceof SputnikError && /rentUsd/.test(error.message),
  )
})

test('an hour costs least in the future in which the cards keep their value', () => {
  const paths = drawPaths(fitRegimes(H100_PRICES, 1), { months: 60, paths: 1000, seed: 1 })
  const spread = ownHourSpread(EQUIPMENT, DEFAULT_TERMS, { paths, earning: EARNING })
  const worthless = ownHourCost(EQUIPMENT, { ...DEFAULT_TERMS, residualShare: 0 }).totalUsd
  assert.ok(spread.low < spread.median && spread.median <= spread.high)
  assert.ok(Math.abs(spread.high - worthless) < 1e-9, 'in one of twenty futures nothing is left')
  const off = valueByMonth(paths, EARNING).map(({ offShare }) => offShare)
  assert.ok((off[0] ?? 1) === 0 && (off[60] ?? 0) > (off[12] ?? 1))
})

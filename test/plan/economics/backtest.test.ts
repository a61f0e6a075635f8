import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backtest } from '../../../src/plan/economics/backtest.js'
import { fitExponential, halfLifeYears } from '../../../src/plan/economics/exponential.js'
import { fitRegimes } from '../../../src/plan/economics/fit-regimes.js'
import { drawPaths, forecastPrice } from '../../../src/plan/economics/forecast.js'
import { H100_PRICES, monthNumber, upTo } from '../../../src/plan/economics/price-path.js'

const KNOWN = upTo(H100_PRICES, '2025-10')

test('the exponential through the path up to October 2025 halves in 1.04 years', () => {
  const line = fitExponential(KNOWN)
  assert.equal(line.rate.toFixed(2), '0.66')
  assert.equal(halfLifeYears(line).toFixed(2), '1.04')
})

test('the rebound was 38 % in five months, 118 % a year', () => {
  const [from, to] = ['2025-10', '2026-03'].map((month) =>
    H100_PRICES.find((point) => point.month === month),
  )
  const ratio = (to?.usd ?? 0) / (from?.usd ?? 1)
  assert.equal(((ratio - 1) * 100).toFixed(0), '38')
  assert.equal(((ratio ** (12 / 5) - 1) * 100).toFixed(0), '118')
})

test('what was known in October 2025 allows the price of March 2026; the line misses it by 45 %', () => {
  const rows = backtest(H100_PRICES, { knownUpTo: '2025-10', paths: 4000, seed: 1 })
  assert.deepEqual(
    rows.map(({ month }) => month),
    ['2026-03', '2026-05', '2026-10'],
  )
  const [march] = rows
  assert.ok(march?.isInside, JSON.stringify(march))
  assert.equal((march.lineError * 100).toFixed(0), '-45')
  assert.ok(march.lineUsd < 1.3)
})

test('whether it holds does not hang on the seed', () => {
  for (const seed of [2, 3, 4]) {
    const [march] = backtest(H100_PRICES, { knownUpTo: '2025-10', paths: 2000, seed })
    assert.ok(march?.isInside, JSON.stringify(march))
  }
})

test('the same seed gives the same forecast, and it widens with time', () => {
  const model = fitRegimes(H100_PRICES, 7)
  const forecast = () => forecastPrice(drawPaths(model, { months: 36, paths: 1000, seed: 9 }))
  const months = forecast()
  assert.deepEqual(months, forecast())
  const width = (month: number): number =>
    Math.log((months[month]?.high ?? 0) / (months[month]?.low ?? 0))
  assert.ok(width(1) < width(12) && width(12) < width(36))
  for (const { low, median, high } of months) assert.ok(low <= median && median <= high)
})

test('points stand in order of time', () => {
  const months = H100_PRICES.map(({ month }) => monthNumber(month))
  assert.deepEqual(
    months,
    [...months].sort((a, b) => a - b),
  )
})

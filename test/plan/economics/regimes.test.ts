import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../../../src/base/prng.js'
import { fitRegimes, PRIORS } from '../../../src/plan/economics/fit-regimes.js'
import type { PricePoint } from '../../../src/plan/economics/price-path.js'
import {
  filterRegimes,
  type Observation,
  QUOTE_SPREAD,
  type Regimes,
} from '../../../src/plan/economics/regimes.js'

const REGIMES: Regimes = { fall: 0.05, rise: 0.06, volatility: 0.08, enter: 0.02, leave: 0.07 }

/** Density of a normal distribution with mean 0. */
function density(x: number, variance: number): number {
  return Math.exp((-x * x) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance)
}

test('with equal drifts the filter is the Kalman filter of one random walk', () => {
  const regimes = { ...REGIMES, fall: 0, rise: 0 }
  const { logLikelihood, standing } = filterRegimes(regimes, [
    { month: 0, logUsd: 0 },
    { month: 4, logUsd: 0.3 },
  ])
  const quote = QUOTE_SPREAD ** 2
  const before = quote + 4 * regimes.volatility ** 2
  assert.ok(Math.abs(logLikelihood - Math.log(density(0.3, before + quote))) < 1e-12)
  const gain = before / (before + quote)
  for (const { mean, variance } of [standing.glut, standing.scarcity]) {
    assert.ok(Math.abs(mean - 0.3 * gain) < 1e-12)
    assert.ok(Math.abs(variance - before * (1 - gain)) < 1e-12)
  }
  assert.ok(Math.abs(standing.scarcity.weight - 0.02 / 0.09) < 1e-12)
})

test('over one month the likelihood is that of the two ways the month may go', () => {
  const { logLikelihood } = filterRegimes(REGIMES, [
    { month: 7, logUsd: 0 },
    { month: 8, logUsd: 0.2 },
  ])
  const variance = 2 * QUOTE_SPREAD ** 2 + REGIMES.volatility ** 2
  const scarce = REGIMES.enter / (REGIMES.enter + REGIMES.leave)
  const mixture =
    (1 - scarce) * density(0.2 + REGIMES.fall, variance) +
    scarce * density(0.2 - REGIMES.rise, variance)
  assert.ok(Math.abs(logLikelihood - Math.log(mixture)) < 1e-12)
})

test('a long rise is believed to be scarcity, a long fall glut', () => {
  const path = (slope: number): Observation[] =>
    Array.from({ length: 24 }, (_, month) => ({ month, logUsd: slope * month }))
  const scarce = (slope: number): number =>
    filterRegimes(REGIMES, path(slope)).standing.scarcity.weight
  assert.ok(scarce(0.06) > 0.8, `${scarce(0.06)}`)
  assert.ok(scarce(-0.05) < 0.05, `${scarce(-0.05)}`)
})

/** Quotes of every month under `regimes`. */
function quotesOf(regimes: Regimes, months: number, seed: number): PricePoint[] {
  const random = Prng.fromSeed(seed)
  let log = 1
  let isScarce = false
  return Array.from({ length: months }, (_, at) => {
    if (random.nextFloat() < (isScarce ? regimes.leave : regimes.enter)) isScarce = !isScarce
    log += (isScarce ? regimes.rise : -regimes.fall) + regimes.volatility * random.nextGaussian()
    const usd = Math.exp(log + QUOTE_SPREAD * random.nextGaussian())
    const month = `${2000 + Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, '0')}`
    return { month, usd, kind: 'on-demand', source: 'made', trust: 'derived' }
  })
}

test('from ten years of quotes the fit finds the drifts they were made with', () => {
  const made = { fall: 0.06, rise: 0.09, volatility: 0.03, enter: 0.04, leave: 0.06 }
  const { draws, acceptance } = fitRegimes(quotesOf(made, 120, 5), 1)
  const middle = (name: 'fall' | 'rise'): number => {
    const values = draws.map(({ regimes }) => regimes[name]).sort((a, b) => a - b)
    return values[Math.floor(values.length / 2)] ?? Number.NaN
  }
  assert.ok(Math.abs(middle('fall') - made.fall) < 0.015, `${middle('fall')}`)
  assert.ok(Math.abs(middle('rise') - made.rise) < 0.015, `${middle('rise')}`)
  assert.ok(acceptance > 0.05 && acceptance < 0.6, `${acceptance}`)
})

test('from one point the fit knows what the prior says', () => {
  const { draws } = fitRegimes(quotesOf(REGIMES, 1, 3), 2)
  const mean = draws.reduce((sum, { regimes }) => sum + Math.log(regimes.fall), 0) / draws.length
  assert.ok(Math.abs(mean - Math.log(PRIORS.fall.median)) < 0.2, `${Math.exp(mean)}`)
})

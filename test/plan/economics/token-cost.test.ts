import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  grossMargin,
  markup,
  revenueUsd,
  tieTokensPerSecond,
  usdPerMtok,
} from '../../../src/plan/economics/token-cost.js'

/** DeepSeek's disclosure of one day: nodes of 8 cards at 2 dollars an hour. */
const NODE_USD = 16
const DAY_USD = 226.75 * NODE_USD * 24
const DAY_INCOME_USD = 562_027
const VOLUME = { inputMtok: 608e3, cachedShare: 0.563, outputMtok: 168e3 }

test('P3: a day of 226.75 nodes costs 87,072 dollars', () => {
  assert.equal(DAY_USD, 87_072)
})

test('P4: that is a markup of 545 % and a gross margin of 84.5 %', () => {
  assert.equal((markup(DAY_INCOME_USD, DAY_USD) * 100).toFixed(2), '545.47')
  assert.equal((grossMargin(DAY_INCOME_USD, DAY_USD) * 100).toFixed(1), '84.5')
})

test('P5: a decode node of 14.8k tokens/s makes a million for 0.300 dollars', () => {
  assert.equal(usdPerMtok(NODE_USD, 14_800).toFixed(3), '0.300')
})

test('P6: a prefill node of 73.7k tokens/s reads a million for 0.0603, 4,026 fresh/s a card', () => {
  assert.equal(usdPerMtok(NODE_USD, 73_700).toFixed(4), '0.0603')
  const freshPerNode = 73_700 * (1 - VOLUME.cachedShare)
  assert.equal((freshPerNode / 1000).toFixed(1), '32.2')
  assert.equal((freshPerNode / 8).toFixed(0), '4026')
})

test('P7: all cost is 0.518 dollars a million of output, 0.112 of all tokens', () => {
  assert.equal((DAY_USD / VOLUME.outputMtok).toFixed(3), '0.518')
  assert.equal((DAY_USD / (VOLUME.inputMtok + VOLUME.outputMtok)).toFixed(3), '0.112')
})

const P8 = [
  { hourUsd: 2.21, speed: 14_659.4, mtok: '0.0419' },
  { hourUsd: 1.95, speed: 12_515.7, mtok: '0.0433' },
  { hourUsd: 2.21, speed: 4_130, mtok: '0.1486' },
  { hourUsd: 1.95, speed: 941, mtok: '0.5756' },
  { hourUsd: 1.3, speed: 850.1, mtok: '0.4248' },
]
for (const { hourUsd, speed, mtok } of P8) {
  test(`P8: ${speed} tokens/s at ${hourUsd} dollars an hour are ${mtok} a million`, () => {
    assert.equal(usdPerMtok(hourUsd, speed).toFixed(4), mtok)
  })
}

const TIES = [
  { hourUsd: 0.35, mtok: 0.0419, speed: 2320 },
  { hourUsd: 0.35, mtok: 0.1486, speed: 654 },
  { hourUsd: 0.69, mtok: 0.0419, speed: 4574 },
  { hourUsd: 0.69, mtok: 0.1486, speed: 1290 },
]
for (const { hourUsd, mtok, speed } of TIES) {
  test(`at ${hourUsd} dollars an hour a card ties with ${mtok} a million at ${speed} tokens/s`, () => {
    assert.equal(Math.round(tieTokensPerSecond(hourUsd, mtok)), speed)
    assert.ok(Math.abs(usdPerMtok(hourUsd, tieTokensPerSecond(hourUsd, mtok)) - mtok) < 1e-12)
  })
}

test('a rival at 5 dollars instead of 2.21 lowers the speed to tie by 2.26', () => {
  const own = tieTokensPerSecond(0.35, usdPerMtok(2.21, 14_659.4))
  const rented = tieTokensPerSecond(0.35, usdPerMtok(5, 14_659.4))
  assert.equal((own / rented).toFixed(2), '2.26')
})

test('prices with a cache give the income that was disclosed', () => {
  const prices = { inputUsd: 0.55, cachedInputUsd: 0.14, outputUsd: 2.19 }
  const income = revenueUsd(VOLUME, prices)
  assert.ok(Math.abs(income / DAY_INCOME_USD - 1) < 0.001, `${income}`)
})

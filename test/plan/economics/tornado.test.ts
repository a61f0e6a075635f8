import assert from 'node:assert/strict'
import { test } from 'node:test'
import { costLevers, costTornado, ownedMtokUsd } from '../../../src/plan/economics/levers.js'
import { DEFAULT_TERMS } from '../../../src/plan/economics/own-cost.js'
import { tornado } from '../../../src/plan/economics/tornado.js'

const BASE = {
  equipment: { cardsUsd: 3000, otherUsd: 950, cardsW: 575, cardsIdleW: 30, otherW: 80 },
  terms: DEFAULT_TERMS,
  tokensPerSecond: 654,
}

test('tornado orders bars by swing and keeps the ends apart', () => {
  const levers = [
    { name: 'small', low: 9, high: 11 },
    { name: 'falls', low: 20, high: 5 },
  ]
  assert.deepEqual(
    tornado(levers, (x) => 2 * x),
    [
      { name: 'falls', low: 40, high: 10, swing: 30 },
      { name: 'small', low: 18, high: 22, swing: 4 },
    ],
  )
})

test('what nobody knows of speed moves a token more than anything else', () => {
  const bars = costTornado(BASE)
  assert.equal(bars.length, costLevers(BASE).length)
  assert.match(bars[0]?.name ?? '', /tokens per second/)
  assert.match(bars[1]?.name ?? '', /^power/)
})

test('the base lies within every bar', () => {
  const base = ownedMtokUsd(BASE)
  for (const { name, low, high } of costTornado(BASE)) {
    assert.ok(Math.min(low, high) <= base && base <= Math.max(low, high), name)
  }
})

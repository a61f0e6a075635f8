import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../../../src/base/prng.js'
import { AliasTable } from '../../../src/sim/serving/alias-table.js'
import { Arrivals, dailyWave, hourlyRate } from '../../../src/sim/serving/arrivals.js'
import { drawLength, meanLength } from '../../../src/sim/serving/lengths.js'
import { expertShares } from '../../../src/sim/serving/popularity.js'
import { Router } from '../../../src/sim/serving/router.js'

const DAY_S = 86_400

test('AliasTable draws as often as the weights say', () => {
  const weights = [0, 1, 2, 3, 10]
  const table = new AliasTable(weights)
  const prng = Prng.fromSeed(1)
  const counts = weights.map(() => 0)
  for (let i = 0; i < 160_000; i++) {
    const at = table.draw(prng)
    counts[at] = (counts[at] ?? 0) + 1
  }
  assert.equal(counts[0], 0)
  weights.forEach((weight, at) => {
    // Five standard deviations of a count.
    const expected = 10_000 * weight
    assert.ok(Math.abs((counts[at] ?? 0) - expected) <= 5 * Math.sqrt(expected))
  })
})

test('Router gives each token different experts, and the rare ones when it needs all', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 0, max: 8, noNaN: true }),
      (experts, wanted, exponent) => {
        const nUsed = Math.min(wanted, experts)
        const shares = expertShares({ kind: 'zipf', exponent }, { regions: 2, experts, seed: 3 })
        const router = new Router(shares, { nUsed, prng: Prng.fromSeed(4) })
        const { experts: chosen } = router.choose(1, 5)
        for (let at = 0; at < chosen.length; at += nUsed) {
          const token = [...chosen.subarray(at, at + nUsed)]
          assert.equal(new Set(token).size, nUsed)
          assert.ok(token.every((expert) => expert >= 0 && expert < experts))
        }
      },
    ),
  )
})

test('expertShares of a Zipf law fall as its power, in another order in each layer', () => {
  const options = { regions: 2, experts: 16, seed: 5 }
  const [a = new Float32Array(), b = new Float32Array()] = expertShares(
    { kind: 'zipf', exponent: 1 },
    options,
  )
  const sorted = [...a].sort((x, y) => y - x)
  sorted.forEach((share, rank) => {
    assert.ok(Math.abs(share * (rank + 1) - (sorted[0] ?? 0)) < 1e-6)
  })
  assert.deepEqual([...a].sort(), [...b].sort())
  assert.notDeepEqual(a, b)
})

test('Arrivals come at the rate of the hour', () => {
  const shares = Array.from({ length: 24 }, (_, hour) => (hour < 12 ? 1 : 3))
  const arrivals = new Arrivals(hourlyRate(2, shares), Prng.fromSeed(6))
  let morning = 0
  let evening = 0
  for (let at = arrivals.next(); at < DAY_S; at = arrivals.next()) {
    if (at < DAY_S / 2) morning++
    else evening++
  }
  assert.ok(Math.abs(morning / 43_200 - 1) < 0.03, `${morning}`)
  assert.ok(Math.abs(evening / 43_200 - 3) < 0.03, `${evening}`)
})

test('dailyWave keeps its mean over a day and peaks at its hour', () => {
  const rate = dailyWave(3, { swing: 0.5, peakHour: 18 })
  const hours = Array.from({ length: 24 }, (_, hour) => rate.at(hour * 3600))
  assert.ok(Math.abs(hours.reduce((sum, one) => sum + one, 0) / 24 - 3) < 1e-9)
  assert.equal(hours.indexOf(Math.max(...hours)), 18)
  assert.equal(rate.highest, 4.5)
})

test('drawLength has the mean of its distribution', () => {
  const prng = Prng.fromSeed(7)
  const lengths = { kind: 'lognormal', median: 500, sigma: 0.8 } as const
  let sum = 0
  for (let i = 0; i < 100_000; i++) sum += drawLength(lengths, prng, 1e9)
  assert.ok(Math.abs(sum / 100_000 / meanLength(lengths) - 1) < 0.015)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  capitalRecoveryFactor,
  cashHourUsd,
  DEFAULT_TERMS,
  type Equipment,
  ownHourCost,
} from '../../../src/plan/economics/own-cost.js'

const HOST_USD = 800
const HOST_W = 80
const COLOCATION = 130

/** Of section 6.4 of the research page: card and nic in dollars, watts, dollars of an hour. */
const ROWS = [
  { name: '5090 at 1,999', card: 1999, nic: 150, watts: 575, usd: [0.163, 0.28, 0.306] },
  { name: '5090 at 3,000', card: 3000, nic: 150, watts: 575, usd: [0.199, 0.315, 0.35] },
  { name: '5090 at 4,500', card: 4500, nic: 150, watts: 575, usd: [0.252, 0.369, 0.416] },
  { name: '5090 with 100 G', card: 4500, nic: 700, watts: 575, usd: [0.274, 0.391, 0.443] },
  { name: '4090 used', card: 1800, nic: 150, watts: 450, usd: [0.146, 0.24, 0.265] },
  { name: 'PRO 6000', card: 13_000, nic: 150, watts: 600, usd: [0.558, 0.679, 0.798] },
]
const COLUMNS = [
  DEFAULT_TERMS,
  { ...DEFAULT_TERMS, colocationUsdPerKwMonth: COLOCATION },
  { ...DEFAULT_TERMS, colocationUsdPerKwMonth: COLOCATION, years: 3 },
]

for (const { name, card, nic, watts, usd } of ROWS) {
  test(`ownHourCost gives the reference row of a ${name} to the printed digit`, () => {
    const equipment = {
      cardsUsd: card,
      otherUsd: HOST_USD + nic,
      cardsW: watts,
      cardsIdleW: 0,
      otherW: HOST_W,
    }
    const found = COLUMNS.map((terms) => ownHourCost(equipment, terms).totalUsd.toFixed(3))
    assert.deepEqual(
      found,
      usd.map((value) => value.toFixed(3)),
    )
  })
}

test('capitalRecoveryFactor repays a loan to the last cent', () => {
  const rate = fc.double({ min: 0, max: 0.5, noNaN: true })
  fc.assert(
    fc.property(rate, fc.integer({ min: 1, max: 15 }), (interest, years) => {
      const payment = capitalRecoveryFactor(interest, years)
      let owed = 1
      for (let year = 0; year < years; year++) owed = owed * (1 + interest) - payment
      assert.ok(Math.abs(owed) < 1e-9, `${owed} left`)
    }),
  )
})

const money = fc.double({ min: 0, max: 1e6, noNaN: true })
const equipments: fc.Arbitrary<Equipment> = fc
  .record({ cardsUsd: money, otherUsd: money, cardsW: money, otherW: money, idle: fc.nat(100) })
  .map(({ idle, ...rest }) => ({ ...rest, cardsIdleW: (rest.cardsW * idle) / 100 }))

test('ownHourCost is the sum of its parts and grows in proportion to the equipment', () => {
  fc.assert(
    fc.property(equipments, fc.integer({ min: 1, max: 9 }), (one, count) => {
      const cost = ownHourCost(one, DEFAULT_TERMS)
      const parts = cost.capitalUsd + cost.maintenanceUsd + cost.energyUsd + cost.colocationUsd
      assert.ok(Math.abs(parts - cost.totalUsd) <= 1e-9 * cost.totalUsd)
      assert.ok(Math.abs(cashHourUsd(cost) - (cost.totalUsd - cost.capitalUsd)) < 1e-9)
      const many = {
        cardsUsd: one.cardsUsd * count,
        otherUsd: one.otherUsd * count,
        cardsW: one.cardsW * count,
        cardsIdleW: one.cardsIdleW * count,
        otherW: one.otherW * count,
      }
      const { totalUsd } = ownHourCost(many, DEFAULT_TERMS)
      assert.ok(Math.abs(totalUsd - count * cost.totalUsd) <= 1e-9 * totalUsd)
    }),
  )
})

test('an idle card costs its idle power and no more', () => {
  const equipment = { cardsUsd: 0, otherUsd: 0, cardsW: 500, cardsIdleW: 20, otherW: 0 }
  const { energyUsd } = ownHourCost(equipment, { ...DEFAULT_TERMS, load: 0 })
  assert.ok(Math.abs(energyUsd - 0.02 * 1.25 * 0.08) < 1e-12)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  breakEvenMonths,
  type RentOrBuy,
  tieUtilisation,
} from '../../../src/plan/economics/break-even.js'
import { DEFAULT_TERMS, ownHourCost } from '../../../src/plan/economics/own-cost.js'

const CARD: RentOrBuy = {
  upfrontUsd: 3950,
  cashHourUsd: 0.07,
  rentHourUsd: 0.69,
  utilisation: 1,
  discountRate: 0.1,
}

/** Left to pay after whole months, by paying month by month. */
function owedAfter(choice: RentOrBuy, months: number): number {
  const rate = (1 + choice.discountRate) ** (1 / 12)
  const saved = (choice.rentHourUsd * choice.utilisation - choice.cashHourUsd) * 730
  let owed = choice.upfrontUsd
  for (let month = 0; month < months; month++) owed = owed * rate - saved
  return owed
}

test('breakEvenMonths lies between the last month with debt and the first without', () => {
  const price = fc.double({ min: 100, max: 20_000, noNaN: true })
  const rent = fc.double({ min: 0.1, max: 3, noNaN: true })
  fc.assert(
    fc.property(price, rent, (upfrontUsd, rentHourUsd) => {
      const choice = { ...CARD, upfrontUsd, rentHourUsd }
      const months = breakEvenMonths(choice)
      fc.pre(Number.isFinite(months) && months < 600)
      assert.ok(owedAfter(choice, Math.floor(months)) >= -1e-6)
      assert.ok(owedAfter(choice, Math.ceil(months)) <= 1e-6)
    }),
  )
})

test('without interest it is the price over the rent saved', () => {
  const months = breakEvenMonths({ ...CARD, discountRate: 0 })
  assert.ok(Math.abs(months - 3950 / (0.62 * 730)) < 1e-9)
})

test('a rent below the cash cost, or one that only pays the interest, never breaks even', () => {
  assert.equal(breakEvenMonths({ ...CARD, rentHourUsd: 0.06 }), Number.POSITIVE_INFINITY)
  assert.equal(breakEvenMonths({ ...CARD, utilisation: 0.1 }), Number.POSITIVE_INFINITY)
  const interestHourUsd = (CARD.upfrontUsd * (1.1 ** (1 / 12) - 1)) / 730
  const barely = { ...CARD, rentHourUsd: CARD.cashHourUsd + interestHourUsd * 0.999 }
  assert.equal(breakEvenMonths(barely), Number.POSITIVE_INFINITY)
})

test('what costs nothing breaks even at once', () => {
  assert.equal(breakEvenMonths({ ...CARD, upfrontUsd: 0 }), 0)
})

test('at the utilisation of the tie an hour in use costs what rent does', () => {
  const equipment = { cardsUsd: 3000, otherUsd: 950, cardsW: 575, cardsIdleW: 30, otherW: 80 }
  const own = ownHourCost(equipment, DEFAULT_TERMS)
  const share = tieUtilisation(own, 0.69)
  assert.ok(share > 0 && share < 1)
  assert.ok(Math.abs(own.totalUsd / share - 0.69) < 1e-12)
})

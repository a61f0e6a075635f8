import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findRack } from '../../../src/plan/catalog/racks.js'
import {
  compareOffers,
  marginAt,
  mtokUsdOf,
  type Offer,
} from '../../../src/plan/economics/compare.js'
import { fleetCost } from '../../../src/plan/economics/fleet-cost.js'
import { rackFleet } from '../../../src/plan/fleet/rack-fleet.js'
import { fleet, host } from '../cost/support.js'

const USE = { utilisation: 0.6, discountRate: 0.1 }
const HEAD = host('rtx-5090', { cards: 4, priceUsd: 1700 })

const OWNED: Offer = {
  name: 'owned',
  cost: fleetCost(fleet({ head: HEAD }), USE.utilisation),
  tokensPerSecond: 2000,
}
const RENTED: Offer = {
  name: 'rented',
  cost: fleetCost(fleet({ head: HEAD, owned: false }), USE.utilisation),
  tokensPerSecond: 1000,
}

function near(a: number, b: number): void {
  assert.ok(Math.abs(a - b) <= 1e-9 * Math.abs(b), `${a} is not ${b}`)
}

test('a GB200 rack costs what the constants of InferenceX say, and so do its tokens', () => {
  const rack = rackFleet(findRack('gb200-nvl72'), 'hyperscaler')
  const cost = fleetCost(rack, 1)
  near(cost.hourUsd, 72 * 2.21)
  const offer = { name: 'gb200', cost, tokensPerSecond: 72 * 14_659.4 }
  assert.equal(mtokUsdOf(offer, 0.5).toFixed(4), '0.0419')
})

test('at the tying speed both offers cost the same per token', () => {
  const { tieTokensPerSecond } = compareOffers(OWNED, RENTED, USE)
  const tied = { ...OWNED, tokensPerSecond: tieTokensPerSecond }
  near(mtokUsdOf(tied, USE.utilisation), mtokUsdOf(RENTED, USE.utilisation))
})

test('at the tying utilisation both offers cost the same per token, either way round', () => {
  const { tieUtilisation } = compareOffers(OWNED, RENTED, USE)
  assert.ok(tieUtilisation !== undefined && tieUtilisation < 1)
  near(mtokUsdOf(OWNED, tieUtilisation), mtokUsdOf(RENTED, tieUtilisation))
  near(compareOffers(RENTED, OWNED, USE).tieUtilisation ?? 0, tieUtilisation)
  assert.equal(compareOffers(OWNED, OWNED, USE).tieUtilisation, undefined)
})

test('a purchase breaks even sooner the more it is used, one that is used little never', () => {
  const months = [0.02, 0.3, 0.6, 1].map(
    (utilisation) => compareOffers(OWNED, RENTED, { ...USE, utilisation }).breakEvenMonths,
  )
  assert.equal(months[0], Number.POSITIVE_INFINITY)
  assert.deepEqual(
    months,
    [...months].sort((a, b) => b - a),
  )
  assert.ok((months[3] ?? 0) > 0)
})

test('selling at cost leaves nothing, at twice the cost half', () => {
  const cost = mtokUsdOf(OWNED, USE.utilisation)
  near(marginAt(OWNED, USE.utilisation, 2 * cost), 0.5)
  assert.ok(Math.abs(marginAt(OWNED, USE.utilisation, cost)) < 1e-12)
  assert.ok(marginAt(OWNED, USE.utilisation, cost / 2) < 0)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findRack, RACKS } from '../../../src/plan/catalog/racks.js'
import { RACK_TERMS, rackFleet } from '../../../src/plan/fleet/rack-fleet.js'

test('every rack is a fleet of whole cards with a price on any terms', () => {
  for (const rack of RACKS) {
    for (const terms of RACK_TERMS) {
      const fleet = rackFleet(rack, terms)
      const [group] = fleet.head.cards
      assert.equal(fleet.layout, 'whole')
      assert.equal(group?.count, rack.cards)
      assert.deepEqual(group?.card.scaleUp, rack.scaleUp)
      assert.ok(fleet.hourUsd !== undefined && fleet.hourUsd > rack.cards, rack.id)
      const cardsW = rack.cards * rack.card.power.value
      assert.ok(fleet.head.powerW + cardsW >= rack.cards * rack.power.value, rack.id)
      assert.equal(fleet.head.nic.bytesPerSecond, rack.cards * rack.nic.value)
    }
  }
})

test('a GB200 rack costs 2.21, 2.75 or 3.30 dollars an hour and card', () => {
  const rack = findRack('gb200-nvl72')
  const hour = (terms: (typeof RACK_TERMS)[number]): number =>
    (rackFleet(rack, terms).hourUsd ?? Number.NaN) / 72
  assert.deepEqual(
    RACK_TERMS.map((terms) => Number(hour(terms).toFixed(6))),
    [3.3, 2.75, 2.21],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SputnikError } from '../../../src/base/errors.js'
import { findCard } from '../../../src/plan/catalog/catalogue.js'
import { findRack } from '../../../src/plan/catalog/racks.js'
import { fleetCost, fleetEquipment, workHourUsd } from '../../../src/plan/economics/fleet-cost.js'
import { NICS, nicUsd } from '../../../src/plan/economics/nic-prices.js'
import { DEFAULT_TERMS } from '../../../src/plan/economics/own-cost.js'
import { priceToBuy, priceToRent } from '../../../src/plan/economics/price-of.js'
import { usdPerMtok } from '../../../src/plan/economics/token-cost.js'
import { rackFleet } from '../../../src/plan/fleet/rack-fleet.js'
import { fleet, gigabit, host } from '../cost/support.js'

const { load: LOAD, ...REFERENCE } = DEFAULT_TERMS
const NO_SWITCH = { latencyS: 1e-6, bufferBytes: 4e6, priceUsd: 0, powerW: 0 }

/** A 5090 for 3,000 dollars with its host and 25 Gb/s port, as the reference table has it. */
const CARD_HOST = {
  ...host('rtx-5090', { powerW: 80, priceUsd: 800 }),
  cards: [{ card: { ...findCard('rtx-5090') }, count: 1, priceUsd: 3000 }],
}

test('a fleet of one such host costs what its row of the reference table says', () => {
  const one = fleet({ head: CARD_HOST, switch: NO_SWITCH, economics: REFERENCE })
  const idle = CARD_HOST.cards[0]?.card.idlePower?.value ?? 0
  const idleUsd = (idle / 1000) * (1 - LOAD) * 1.25 * 0.08
  const { hourUsd, upfrontUsd, how } = fleetCost(one, LOAD)
  assert.equal((hourUsd - idleUsd).toFixed(3), '0.199')
  assert.equal(upfrontUsd, 3950)
  assert.equal(how, 'own')
})

test('a fleet is the sum of its hosts and its switch', () => {
  const domains = [
    { ...CARD_HOST, count: 3 },
    host('rtx-3090', { count: 2, cards: 4, priceUsd: 500 }),
  ]
  const all = fleetEquipment(fleet({ head: CARD_HOST, domains }))
  const used = priceToBuy(findCard('rtx-3090')).value
  assert.equal(all.cardsUsd, 4 * 3000 + 8 * used)
  assert.equal(all.otherUsd, 500 + 4 * 950 + 2 * (500 + 150))
  assert.equal(all.cardsW, 4 * 575 + 8 * 350)
  assert.equal(all.otherW, 40 + 4 * 80 + 2 * 150)
})

test('machines that are there anyway cost their cards and their power only', () => {
  const { otherUsd } = fleetEquipment(fleet({ head: host('rtx-5090'), switch: NO_SWITCH }))
  assert.equal(otherUsd, 0)
})

test('a rented fleet costs its cards by the hour, a given price stands as it is', () => {
  const head = host('rtx-5090', { cards: 2 })
  const rented = fleetCost(fleet({ head, owned: false }), LOAD)
  assert.equal(rented.hourUsd, 2 * priceToRent(findCard('rtx-5090')).value)
  assert.equal(rented.upfrontUsd, 0)
  const given = fleetCost(fleet({ head, owned: false, hourUsd: 7 }), LOAD)
  assert.deepEqual([given.hourUsd, given.how], [7, 'given'])
})

test('a card without a price names the card and the field to give', () => {
  const card = { ...findCard('rtx-5090'), id: 'rtx-9999', prices: [] }
  const head = { ...host('rtx-5090'), cards: [{ card, count: 1 }] }
  assert.throws(
    () => fleetCost(fleet({ head }), LOAD),
    (error: unknown) =>
      error instanceof SputnikError &&
      error.code === 'PRICE_UNKNOWN' &&
      /rtx-9999/.test(error.message) &&
      /`price`/.test(error.fix),
  )
})

test('the newest price to buy counts, whatever its kind', () => {
  assert.equal(priceToBuy(findCard('rtx-5090')).kind, 'street')
  assert.equal(priceToBuy(findCard('rtx-3090')).kind, 'used')
})

test('network ports cost more the faster they are, and beyond the fastest in multiples', () => {
  const ordered = [...NICS].sort((a, b) => a.bytesPerSecond - b.bytesPerSecond)
  assert.deepEqual(NICS, ordered)
  NICS.slice(1).forEach((nic, at) => {
    assert.ok(nic.usd > (NICS[at]?.usd ?? Number.POSITIVE_INFINITY), nic.name)
  })
  assert.equal(nicUsd(gigabit(25)), 150)
  assert.equal(nicUsd(gigabit(26)), nicUsd(gigabit(50)))
  assert.equal(nicUsd(gigabit(800)), 2 * nicUsd(gigabit(400)))
})

test('idle hours of an owned fleet are paid for, those of a rented one are not', () => {
  const head = host('rtx-5090')
  const owned = fleetCost(fleet({ head }), 0.25)
  assert.equal(workHourUsd(owned, 0.25), owned.hourUsd * 4)
  const rented = fleetCost(fleet({ head, owned: false }), 0.25)
  assert.equal(workHourUsd(rented, 0.25), rented.hourUsd)
})

test('a GB200 rack costs what the constants of InferenceX say', () => {
  const { hourUsd } = fleetCost(rackFleet(findRack('gb200-nvl72'), 'hyperscaler'), 1)
  assert.ok(Math.abs(hourUsd - 72 * 2.21) < 1e-9)
  assert.equal(usdPerMtok(hourUsd, 72 * 14_659.4).toFixed(4), '0.0419')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SputnikError } from '../../../src/base/errors.js'
import { editDistance, nearestNames } from '../../../src/base/nearest.js'
import { CARDS, findCard } from '../../../src/plan/catalog/catalogue.js'
import { cite, pcie } from '../../../src/plan/catalog/figures.js'
import { latestPrice } from '../../../src/plan/catalog/prices.js'
import { findRack, RACKS } from '../../../src/plan/catalog/racks.js'
import { denseRate, matmulRate } from '../../../src/plan/catalog/rates.js'

test('findCard finds each card by id and by name, whatever the case', () => {
  for (const card of CARDS) {
    assert.equal(findCard(card.id), card)
    assert.equal(findCard(card.name.toUpperCase()), card)
  }
  assert.equal(findCard('RTX5090').id, 'rtx-5090')
})

test('findCard names the nearest cards when there is none', () => {
  const isExpected = (error: unknown) =>
    error instanceof SputnikError &&
    error.code === 'CARD_UNKNOWN' &&
    /no card '5090' in the catalogue; near: rtx-5090/.test(error.message)
  assert.throws(() => findCard('5090'), isExpected)
  assert.throws(() => findCard('h200'), /near: h200-sxm, h20/)
  assert.throws(() => findCard('zzzzzzzzzzzzzzzzz'), /no card 'z+' in the catalogue$/)
})

test('findRack finds each rack and names the others when there is none', () => {
  for (const rack of RACKS) assert.equal(findRack(rack.id.toUpperCase()), rack)
  assert.throws(() => findRack('gb200'), /near: gb200-nvl72/)
})

test('the racks cost what the tables of their sources say', () => {
  const { prices } = findRack('gb200-nvl72')
  assert.equal(latestPrice({ prices }, 'own', 'hyperscaler')?.value, 2.21)
  assert.equal(latestPrice({ prices }, 'own', 'neocloud')?.value, 2.75)
  assert.equal(latestPrice({ prices }, 'contract', 'rent')?.value, 3.3)
  assert.equal(latestPrice({ prices }, 'on-demand')?.value, 10.582)
  assert.equal(latestPrice(findRack('gb300-nvl72'), 'contract')?.value, 5)
})

test('latestPrice takes the newest of a kind', () => {
  const { price } = cite('here', 'read')
  const venue = 'there'
  const prices = [
    price({ kind: 'spot', usd: 3, date: '2026-05', venue }),
    price({ kind: 'spot', usd: 2, date: '2026-05-22', venue }),
    price({ kind: 'spot', usd: 1, date: '2025-12', venue }),
    price({ kind: 'used', usd: 9, date: '2026-11', venue }),
  ]
  assert.equal(latestPrice({ prices }, 'spot')?.value, 2)
  assert.equal(latestPrice({ prices }, 'list'), undefined)
})

test('denseRate prefers sums in FP32', () => {
  const card = findCard('rtx-5090')
  assert.equal(denseRate(card, 'fp16')?.value, 209.5e12)
  assert.equal(denseRate(card, 'fp16', 'fp16')?.value, 419e12)
  assert.equal(denseRate(card, 'int8')?.accumulator, 'int32')
  assert.equal(denseRate(findCard('rtx-3090'), 'fp8'), undefined)
})

test('matmulRate multiplies in the fastest format that is wide enough', () => {
  const at = (id: string, bits: number) => matmulRate(findCard(id), bits)?.rate
  assert.equal(at('rtx-5090', 4.5)?.format, 'fp4')
  assert.equal(at('h100-sxm', 4.5)?.format, 'fp8')
  assert.equal(at('rtx-3090', 4.5)?.format, 'int8')
  assert.equal(at('rtx-4090', 16)?.value, 165.2e12)
  assert.equal(at('v100', 4.5)?.value, 125e12)
  assert.equal(at('m3-ultra', 8.5)?.value, 28.3e12)
  assert.match(
    matmulRate(findCard('v100'), 4.5)?.reason ?? '',
    /4\.5 bits unpacked to fp16, summed in fp32/,
  )
})

test('matmulRate never multiplies in less than the weights have, nor gains by wider ones', () => {
  const card = fc.constantFrom(...CARDS)
  const bits = fc.double({ min: 1, max: 17, noNaN: true })
  fc.assert(
    fc.property(card, bits, bits, (one, a, b) => {
      const [few, many] = a < b ? [a, b] : [b, a]
      const narrow = matmulRate(one, few)?.rate.value ?? 0
      const wide = matmulRate(one, many)?.rate.value ?? 0
      assert.ok(wide > 0 && narrow >= wide)
    }),
  )
})

test('pcie gives the known rates', () => {
  assert.ok(Math.abs(pcie(5, 16).value - 63.015e9) < 1e6)
  assert.ok(Math.abs(pcie(3, 16).value - 15.754e9) < 1e6)
})

test('editDistance is a metric', () => {
  const name = fc.string({ maxLength: 8 })
  fc.assert(
    fc.property(name, name, name, (a, b, c) => {
      assert.equal(editDistance(a, a), 0)
      assert.equal(editDistance(a, b), editDistance(b, a))
      assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c))
    }),
  )
  assert.equal(editDistance('kitten', 'sitting'), 3)
})

test('nearestNames puts the likest first and leaves strangers out', () => {
  assert.deepEqual(nearestNames('h10', ['b200', 'h100', 'h20']), ['h100', 'h20'])
  assert.deepEqual(nearestNames('', ['b200']), [])
})

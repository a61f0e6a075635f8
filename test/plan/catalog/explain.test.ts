import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Card } from '../../../src/plan/catalog/card.js'
import { CARDS, findCard } from '../../../src/plan/catalog/catalogue.js'
import { explainCard } from '../../../src/plan/catalog/explain.js'
import { cite } from '../../../src/plan/catalog/figures.js'

function pairOf(card: Card) {
  const { pair } = explainCard(card)
  assert.ok(pair !== undefined)
  return pair
}

test('a B200 needs 3.71 GHz with tensor cores as wide as those of an H100', () => {
  const pair = pairOf(findCard('b200'))
  assert.equal(pair.before.perCore, 1024)
  const [narrow] = pair.hypotheses
  assert.equal(narrow?.possible, 'no')
  assert.ok(Math.abs((narrow?.clock ?? 0) - 3.711e9) < 1e6)
})

test('the rate of a B200 cannot tell private units from shared ones twice their size', () => {
  const pair = pairOf(findCard('b200'))
  const alive = pair.hypotheses.filter(({ possible }) => possible === 'yes')
  assert.deepEqual(
    alive.map(({ perUnit }) => perUnit),
    [8192, 8192],
  )
  assert.deepEqual(
    alive.map(({ text }) => text.startsWith('two SMs share')),
    [false, true],
  )
  assert.deepEqual(
    pair.undecided,
    alive.map(({ text }) => text),
  )
})

test('the experiment tells the two apart by one SM alone', () => {
  const { experiment } = pairOf(findCard('b200'))
  assert.ok(Math.abs(experiment.loneIfPrivate - 2250e12 / 148) < 1)
  assert.equal(experiment.bothIfPrivate, experiment.bothIfShared)
  assert.equal(experiment.loneIfShared, 2 * experiment.loneIfPrivate)
})

test('the explanation follows the figures of the row, not the name of the card', () => {
  const b200 = findCard('b200')
  const pair = pairOf({ ...b200, units: cite('a test', 'weak').count(296) })
  const [narrow] = pair.hypotheses
  assert.equal(narrow?.possible, 'yes')
  assert.ok(Math.abs((narrow?.clock ?? 0) - 1.8556e9) < 1e6)
})

test('a GeForce pays for sums in FP32, its professional sibling does not', () => {
  const [fp16] = explainCard(findCard('rtx-5090')).accumulators
  assert.equal(fp16?.share, 0.5)
  assert.equal(fp16?.sibling?.id, 'rtx-pro-6000')
  assert.equal(Math.round(fp16?.sibling?.perUnit ?? 0), 1024)
  const [full] = explainCard(findCard('rtx-pro-6000')).accumulators
  assert.equal(full?.share, 1)
  assert.equal(full?.sibling, undefined)
})

test('only cards whose SMs work in pairs are asked whether they share', () => {
  const asked = CARDS.filter((card) => explainCard(card).pair !== undefined)
  assert.deepEqual(
    asked.map(({ id }) => id),
    ['b200', 'gb200', 'gb300'],
  )
})

test('every rate of every card is explained', () => {
  for (const card of CARDS) {
    const { checks } = explainCard(card)
    assert.equal(checks.length, card.rates.length)
    for (const check of checks) assert.ok(Number.isFinite(check.perUnit) && check.perUnit > 0)
  }
})

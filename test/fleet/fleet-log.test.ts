import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coverageOf, loadOf } from '../../src/fleet/expert-load.js'
import { FLEET_CHANGES_KEPT, FleetLog } from '../../src/fleet/fleet-log.js'

test('FleetLog keeps the last changes, numbered, and hands out lists that stay', () => {
  let now = 0
  const log = new FleetLog(() => ++now)
  log.note('joined', { domain: { id: 1, name: 'attic' }, text: 'from afar\n  at somewhere' })
  const before = log.changes
  assert.deepEqual(before, [
    { seq: 1, atMs: 1, kind: 'joined', domain: 1, name: 'attic', text: 'from afar' },
  ])
  for (let i = 0; i < 100; i++) log.note('pages-lost', { text: 'x'.repeat(1000) })
  assert.equal(before.length, 1)
  assert.equal(log.changes.length, FLEET_CHANGES_KEPT)
  assert.equal(log.changes.at(-1)?.seq, 101)
  assert.equal(log.changes[0]?.seq, 101 - FLEET_CHANGES_KEPT + 1)
  assert.equal(log.changes[0]?.text.length, 200)
})

test('FleetLog tells of moving pages now and then, and when they are there', () => {
  let now = 0
  const log = new FleetLog(() => now)
  for (let left = 100; left >= 0; left--) {
    now += 100
    log.moved(1000 - left, left)
  }
  assert.deepEqual(
    log.changes.map(({ text }) => text),
    [
      'epoch 900, 100 pages still to move',
      'epoch 950, 50 pages still to move',
      'epoch 1000, all pages lie where they should',
    ],
  )
})

test('loadOf and coverageOf tell how even calls are', () => {
  assert.deepEqual(loadOf([4, 0, 2, 2]), { calls: 8, balance: 2, dead: 1 })
  assert.deepEqual(loadOf([0, 0]), { calls: 0, balance: null, dead: 2 })
  assert.deepEqual(loadOf([]), { calls: 0, balance: null, dead: 0 })
  assert.equal(coverageOf([1, 6, 1, 2], 0.25), 0.6)
  assert.equal(coverageOf([1, 6, 1, 2], 0.3), 0.8)
  assert.equal(coverageOf([0], 0.5), null)
})

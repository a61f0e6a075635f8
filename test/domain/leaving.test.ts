import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Leaving } from '../../src/domain/leaving.js'

const PAGES = 100
const EVERY_MS = 4000

test('Leaving waits as long as pages go, however long that is, and no longer', () => {
  const leaving = new Leaving(PAGES, 0)
  let now = 0
  for (let pages = PAGES - 1; pages > 0; pages--) {
    now += EVERY_MS
    leaving.look(pages, now)
    assert.equal(leaving.isOver, false)
  }
  leaving.look(1, now + EVERY_MS)
  assert.equal(leaving.isOver, false)
  // One that comes is no sign that others go.
  leaving.look(2, now + 1.5 * EVERY_MS)
  assert.equal(leaving.isOver, true)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quantityOf, shareThreads } from '../../src/cli/options.js'

test('shareThreads gives the head all cores when there are no cards', () => {
  assert.equal(shareThreads({ cards: 0 }, 16).threads, 16)
})

test('shareThreads gives head and cards cores of their own as long as there are any', () => {
  for (const cores of [1, 2, 3, 8, 16, 64]) {
    for (const cards of [1, 2, 3, 8]) {
      const { threads, cardThreads } = shareThreads({ cards }, cores)
      assert.ok(threads >= 1 && cardThreads >= 1)
      if (cores > 2 * cards) assert.ok(threads + cards * cardThreads <= cores, `${cores} ${cards}`)
    }
  }
  assert.deepEqual(shareThreads({ cards: 2 }, 16), { threads: 8, cardThreads: 4 })
})

test('shareThreads leaves what is said as it is', () => {
  const said = { cards: 2, threads: 5, cardThreads: 7 }
  assert.deepEqual(shareThreads(said, 4), { threads: 5, cardThreads: 7 })
})

test('quantityOf wants a unit and keeps to its bounds', () => {
  const rate = quantityOf('rate', { above: 0, max: 100 })
  assert.equal(rate('3/s'), 3)
  assert.equal(rate('90 /min'), 1.5)
  assert.throws(() => rate('3'), /without a unit; write it as in "3\/s"/)
  assert.throws(() => rate('0/s'), /more than 0/)
  assert.throws(() => rate('1e9/s'), /from 0 to 100/)
  assert.throws(() => rate('3/week'), /no unit/)
})

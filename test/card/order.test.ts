import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { commonCount, groupBySlot, orderRounds } from '../../src/card/order.js'

const counts = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 60 })

test('orderRounds lays every pair out once', () => {
  fc.assert(
    fc.property(counts, (perToken) => {
      const { tokens, pairs, sizes } = orderRounds(perToken)
      const total = perToken.reduce((sum, count) => sum + count, 0)
      const ascending = (length: number) => Array.from({ length }, (_, i) => i)
      assert.deepEqual(
        [...tokens].sort((a, b) => a - b),
        ascending(perToken.length),
      )
      assert.deepEqual(
        [...pairs].sort((a, b) => a - b),
        ascending(total),
      )
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        total,
      )
    }),
  )
})

test('orderRounds puts pair j of the first tokens into round j', () => {
  fc.assert(
    fc.property(counts, (perToken) => {
      const { tokens, pairs, sizes } = orderRounds(perToken)
      const starts = perToken.map((_, i) => perToken.slice(0, i).reduce((a, b) => a + b, 0))
      let at = 0
      sizes.forEach((size, round) => {
        assert.equal(size, perToken.filter((count) => count > round).length)
        for (let i = 0; i < size; i++) {
          const token = tokens[i] ?? -1
          assert.equal(pairs[at++], (starts[token] ?? Number.NaN) + round)
        }
      })
    }),
  )
})

test('orderRounds keeps tokens of equal counts in their order', () => {
  assert.deepEqual([...orderRounds([1, 3, 1, 3, 2]).tokens], [1, 3, 4, 0, 2])
})

test('commonCount sees a rectangle, also inside a larger array', () => {
  assert.equal(commonCount([3, 3, 3]), 3)
  assert.equal(commonCount([3, 3, 2]), 0)
  assert.equal(commonCount([]), 0)
  assert.equal(commonCount([9, 2, 2, 9], { from: 1, tokens: 2 }), 2)
  assert.equal(commonCount([9, 2, 2, 9], { from: 1, tokens: 3 }), 0)
})

test('groupBySlot puts pairs of a slot side by side in their order, when there are enough', () => {
  const slots = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 80 })
  fc.assert(
    fc.property(slots, fc.integer({ min: 1, max: 12 }), (list, rowsMin) => {
      const found = groupBySlot(Int32Array.from(list), { slotCount: 6, rowsMin })
      const used = new Set(list).size
      assert.equal(found === undefined, list.length < rowsMin * used)
      if (found === undefined) return
      const sorted = list.map((slot, pair) => ({ slot, pair }))
      sorted.sort((a, b) => a.slot - b.slot || a.pair - b.pair)
      assert.deepEqual(
        [...found.pairs],
        sorted.map(({ pair }) => pair),
      )
      assert.deepEqual(
        found.groups.flatMap(({ slot, count }) => new Array<number>(count).fill(slot)),
        sorted.map(({ slot }) => slot),
      )
    }),
  )
})

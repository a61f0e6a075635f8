import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { median, quantile, summarise } from '../../src/base/statistics.js'

test('median takes the middle, or the mean of the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.ok(Number.isNaN(median([])))
})

test('quantile interpolates between neighbours', () => {
  assert.equal(quantile([10, 0, 20, 30, 40, 50], 0.2), 10)
  assert.equal(quantile([0, 1], 0.2), 0.2)
  assert.equal(quantile([7], 0.2), 7)
})

test('quantile stays within its values and grows with its share', () => {
  const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 })
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(values, share, share, (list, a, b) => {
      const low = quantile(list, Math.min(a, b))
      const high = quantile(list, Math.max(a, b))
      assert.ok(low >= Math.min(...list) - 1e-6 && high <= Math.max(...list) + 1e-6)
      assert.ok(low <= high + 1e-6)
    }),
  )
})

test('summarise takes ratios within each round', () => {
  const [first, second] = summarise([
    { name: 'a', values: [10, 1, 100] },
    { name: 'b', values: [5, 2, 50] },
  ])
  assert.deepEqual(first, { name: 'a', median: 10, low: 1 + 0.4 * 9, ratio: 1 })
  assert.equal(second?.median, 5)
  assert.equal(second?.ratio, 0.5)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeScale, type Scale } from '../../src/chart/axis.js'
import { formatValue } from '../../src/chart/number-format.js'

const anyValue = fc.oneof(
  fc.double(),
  fc.double({ min: -1e6, max: 1e6 }),
  fc.integer({ min: 0, max: 10 }),
)

test('an axis covers every value it holds, with few ticks in order and all different', () => {
  const scales = fc.constantFrom('linear', 'log')
  const units = fc.constantFrom('', 's', 'B', 'tokens/s')
  fc.assert(
    fc.property(fc.array(anyValue), scales, units, (values, kind, unit) => {
      const scale = makeScale({ title: 'x', unit, scale: kind }, values, 8)
      assert.ok(scale.low < scale.high)
      for (const value of values.filter(scale.holds)) {
        const slack = 1e-8 * Math.max(Math.abs(scale.low), Math.abs(scale.high))
        assert.ok(value >= scale.low - slack && value <= scale.high + slack)
        const share = scale.shareOf(value)
        assert.ok(share >= 0 && share <= 1)
      }
      const { ticks } = scale
      assert.ok(ticks.length >= 2 && ticks.length <= 10, `${ticks.length} ticks`)
      assert.equal(new Set(ticks.map(({ label }) => label)).size, ticks.length)
      ticks.forEach(({ value, share }, i) => {
        const before = ticks[i - 1]
        if (before !== undefined) assert.ok(value > before.value && share > before.share)
        assert.ok(share >= 0 && share <= 1)
      })
    }),
    { numRuns: 500 },
  )
})

test('finite values are held, up to sizes whose differences are no longer numbers', () => {
  const linear = makeScale({ title: 'x' }, [], 8)
  for (const value of [0, -3, 1e99]) assert.ok(linear.holds(value))
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1e101]) assert.ok(!linear.holds(value))
  const log = makeScale({ title: 'x', scale: 'log' }, [], 8)
  for (const value of [1e-99, 1]) assert.ok(log.holds(value))
  for (const value of [Number.NaN, 0, -1]) assert.ok(!log.holds(value))
})

test('linear ticks carry the unit once, in the title', () => {
  const labels = (values: number[], unit: string): string[] => {
    const { title, ticks } = makeScale({ title: 'x', unit }, values, 6)
    return [title, ...ticks.map(({ label }) => label)]
  }
  assert.deepEqual(labels([0, 0.0041], 's'), ['x (ms)', '0', '1', '2', '3', '4', '5'])
  assert.deepEqual(labels([0, 40_000], 'tokens/s'), [
    'x (tokens/s)',
    ...['0', '10k', '20k', '30k', '40k'],
  ])
  assert.deepEqual(labels([0, 0.3], '$'), ['x ($)', '0', '0.1', '0.2', '0.3'])
  assert.deepEqual(labels([0, 5000], ''), ['x', '0', '1k', '2k', '3k', '4k', '5k'])
  assert.deepEqual(labels([-200, 200], ''), ['x', '-200', '-100', '0', '100', '200'])
})

test('logarithmic ticks stand at 1, 2, 5 within few decades and at powers of ten within many', () => {
  const scale = (values: number[], unit: string): Scale =>
    makeScale({ title: 'x', unit, scale: 'log' }, values, 8)
  const labels = (values: number[], unit: string): string[] =>
    scale(values, unit).ticks.map(({ label }) => label)
  assert.equal(scale([1], 's').title, 'x')
  assert.equal(scale([1], '$').title, 'x ($)')
  assert.deepEqual(labels([0.000_9, 0.02], 's'), [
    '500 µs',
    '1 ms',
    '2 ms',
    '5 ms',
    '10 ms',
    '20 ms',
  ])
  assert.deepEqual(labels([1, 20_000], ''), ['1', '10', '100', '1,000', '10k'])
  assert.deepEqual(labels([7], ''), ['5', '10'])
  assert.deepEqual(labels([10], ''), ['5', '10', '20'])
})

test('values are written with three digits and the prefix people use', () => {
  const written = [
    formatValue(0.001_234, 's'),
    formatValue(1.25e-7, 's'),
    formatValue(999.9e6, 'B/s'),
    formatValue(12_345, 'tokens/s'),
    formatValue(9_876, 'tokens/s'),
    formatValue(0.0419, '$'),
    formatValue(0, 's'),
    formatValue(-2.5e9, 'B'),
    formatValue(12_345, 's'),
  ]
  assert.deepEqual(written, [
    ...['1.23 ms', '125 ns', '1 GB/s', '12.3k tokens/s', '9,880 tokens/s'],
    ...['0.0419 $', '0 s', '-2.5 GB', '12,300 s'],
  ])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import {
  DIMENSIONS,
  type DimensionName,
  parseQuantity,
  quantity,
  share,
} from '../../src/plan/quantity.js'

const value = (name: DimensionName, text: unknown): number => {
  const parsed = parseQuantity(name, text)
  return 'value' in parsed ? parsed.value : Number.NaN
}

test('quantities become SI units', () => {
  assert.equal(value('speed', '25 Gbit/s'), 3.125e9)
  assert.equal(value('speed', '25Gbps'), 3.125e9)
  assert.equal(value('speed', '25 Gb/s'), 3.125e9)
  assert.equal(value('speed', '25 GB/s'), 25e9)
  assert.equal(value('bytes', '64 GB'), 64e9)
  assert.equal(value('bytes', '64 GiB'), 64 * 2 ** 30)
  assert.equal(value('time', '1 us'), 1e-6)
  assert.equal(value('time', '2.5 ms'), 2.5e-3)
  assert.equal(value('power', '1.2 kW'), 1200)
  assert.equal(value('energyPrice', '0.30 USD/kWh'), 0.3)
  assert.equal(value('years', '18 months'), 1.5)
  assert.equal(value('flops', '209.5 TFLOP/s'), 209.5e12)
})

test('every example is a quantity, and every unit of it', () => {
  for (const name of Object.keys(DIMENSIONS) as DimensionName[]) {
    assert.ok(value(name, DIMENSIONS[name].example) > 0, name)
    for (const [unit, factor] of Object.entries(DIMENSIONS[name].units)) {
      assert.equal(value(name, `3 ${unit}`), 3 * factor, unit)
    }
  }
})

test('what is no quantity is named, with how to write it', () => {
  const problem = (name: DimensionName, given: unknown): string => {
    const parsed = parseQuantity(name, given)
    return 'problem' in parsed ? parsed.problem : ''
  }
  assert.match(problem('speed', 25), /^is 25 without a unit; write it as in "25 Gbit\/s"$/)
  assert.match(problem('speed', '25'), /without a unit/)
  assert.match(problem('speed', '25 gbit/s'), /no unit of it \(units here are written like Gbit/)
  assert.match(problem('speed', '25 USD'), /^is "25 USD", and "USD" is no unit of it; /)
  assert.match(problem('bytes', 'much'), /^is "much"; write it as in "64 GB"$/)
  assert.match(problem('bytes', null), /^is null; /)
  assert.match(problem('bytes', ['64 GB']), /^is \["64 GB"\]; /)
  assert.match(problem('bytes', '1 constructor'), /no unit/)
  assert.ok(problem('bytes', 'x'.repeat(1e6)).length < 200)
})

test('parseQuantity has a value or a problem for anything', () => {
  const pickName = fc.constantFrom(...(Object.keys(DIMENSIONS) as DimensionName[]))
  fc.assert(
    fc.property(pickName, fc.anything(), (name, given) => {
      const parsed = parseQuantity(name, given)
      assert.ok('problem' in parsed || Number.isFinite(parsed.value))
    }),
  )
})

test('bounds are checked in SI units', () => {
  const speed = z.object({ nic: quantity('speed', { above: 0, max: 1e12 }) })
  assert.deepEqual(speed.parse({ nic: '1 Gbit/s' }), { nic: 1.25e8 })
  assert.throws(() => speed.parse({ nic: '0 Gbit/s' }), /must be more than 0/)
  assert.throws(() => speed.parse({ nic: '2 TB/s' }), /must be from 0 to 1000000000000/)
  assert.throws(() => speed.parse({ nic: '-1 Gbit/s' }), /must be more than 0/)
})

test('shares are numbers or percent', () => {
  const part = z.object({ part: share() })
  assert.deepEqual(part.parse({ part: 0.15 }), { part: 0.15 })
  assert.deepEqual(part.parse({ part: '15 %' }), { part: 0.15 })
  for (const bad of [15, '150 %', -0.1, 'half', null]) {
    assert.throws(() => part.parse({ part: bad }), /write a share/)
  }
  assert.throws(() => z.object({ part: share({ above: 0 }) }).parse({ part: 0 }), /more than 0/)
})

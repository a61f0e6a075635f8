import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashText, Prng } from '../../src/base/prng.js'

test('Prng gives the numbers of the published xoshiro128** for the state 1 2 3 4', () => {
  const prng = Prng.fromState([1, 2, 3, 4])
  const drawn = Array.from({ length: 10 }, () => prng.nextU32())
  const published = [
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
    4258142804,
  ]
  assert.deepEqual(drawn, published)
})

test('Prng continues from a saved state', () => {
  const prng = Prng.fromSeed(7)
  prng.nextU32()
  const copy = Prng.fromState(prng.state)
  assert.equal(copy.nextU32(), prng.nextU32())
  assert.equal(copy.nextFloat(), prng.nextFloat())
})

test('Prng.fromSeed gives the same sequence for a seed and another for another', () => {
  const draw = (seed: number) => Prng.fromSeed(seed).nextU32()
  assert.equal(draw(1), draw(1))
  assert.notEqual(draw(1), draw(2))
})

test('nextFloat and nextBelow stay in their ranges', () => {
  const prng = Prng.fromSeed(3)
  for (let i = 0; i < 10_000; i++) {
    const float = prng.nextFloat()
    assert.ok(float >= 0 && float < 1)
    const below = prng.nextBelow(6)
    assert.ok(Number.isInteger(below) && below >= 0 && below < 6)
  }
})

test('nextGaussian has mean 0 and variance 1', () => {
  const prng = Prng.fromSeed(5)
  const values = Array.from({ length: 100_000 }, () => prng.nextGaussian())
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  assert.ok(Math.abs(mean) < 0.02, `mean ${mean}`)
  assert.ok(Math.abs(variance - 1) < 0.02, `variance ${variance}`)
})

test('hashText separates texts and seeds', () => {
  assert.notEqual(hashText('blk.0'), hashText('blk.1'))
  assert.notEqual(hashText('blk.0', 1), hashText('blk.0', 2))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../../../src/base/prng.js'
import { largestLoad, type Popularity, Routing } from '../../../src/plan/cost/routing.js'

function near(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= share * expected, `${actual} is not ${expected}`)
}

/** Experts that one token of random routing uses. */
function draw(prng: Prng, { experts, used }: { experts: number; used: number }): Set<number> {
  const chosen = new Set<number>()
  while (chosen.size < used) chosen.add(prng.nextBelow(experts))
  return chosen
}

test('distinctExperts is what random tokens touch', () => {
  const prng = Prng.fromSeed(1)
  const routing = new Routing({ experts: 64, expertsUsed: 6 })
  for (const tokens of [1, 5, 20, 80]) {
    let sum = 0
    for (let round = 0; round < 400; round++) {
      const touched = new Set<number>()
      for (let token = 0; token < tokens; token++) {
        for (const expert of draw(prng, { experts: 64, used: 6 })) touched.add(expert)
      }
      sum += touched.size
    }
    near(routing.distinctExperts(tokens), sum / 400, 0.02)
  }
})

test('holderChance is what random tokens hit', () => {
  const prng = Prng.fromSeed(2)
  const routing = new Routing({ experts: 64, expertsUsed: 6 })
  for (const held of [1, 4, 16, 60]) {
    let hits = 0
    for (let round = 0; round < 4000; round++) {
      const chosen = draw(prng, { experts: 64, used: 6 })
      if ([...chosen].some((expert) => expert < held)) hits++
    }
    near(routing.holderChance(held / 64), hits / 4000, 0.05)
  }
})

const popularities = fc.oneof(
  fc.constant<Popularity>({ kind: 'uniform' }),
  fc
    .double({ min: 0.1, max: 2, noNaN: true })
    .map((exponent): Popularity => ({ kind: 'zipf', exponent })),
)

test('more tokens touch more experts, never more than there are or than they choose', () => {
  fc.assert(
    fc.property(
      popularities,
      fc.integer({ min: 2, max: 128 }),
      fc.integer({ min: 1, max: 500 }),
      (popularity, experts, tokens) => {
        const expertsUsed = Math.max(1, Math.floor(experts / 8))
        const routing = new Routing({ experts, expertsUsed }, popularity)
        near(routing.distinctExperts(1), expertsUsed, 1e-6)
        const some = routing.distinctExperts(tokens)
        assert.ok(some <= Math.min(experts, tokens * expertsUsed) * (1 + 1e-9))
        assert.ok(routing.distinctExperts(tokens + 1) >= some)
      },
    ),
  )
})

test('popular experts leave fewer distinct ones', () => {
  const uniform = new Routing({ experts: 256, expertsUsed: 8 })
  const zipf = new Routing({ experts: 256, expertsUsed: 8 }, { kind: 'zipf', exponent: 1 })
  assert.ok(zipf.distinctExperts(32) < uniform.distinctExperts(32))
  assert.ok(zipf.hottest > uniform.hottest)
})

test('holderChance of all experts is certain, of none impossible', () => {
  const routing = new Routing({ experts: 32, expertsUsed: 4 })
  assert.equal(routing.holderChance(1), 1)
  assert.equal(routing.holderChance(0), 0)
})

test('largestLoad of one bin is its load', () => {
  assert.equal(largestLoad(7, 1), 7)
  assert.ok(largestLoad(7, 16) > largestLoad(7, 4))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Goal } from '../../../src/plan/search/goal.js'
import { type SearchRequest, searchFleets } from '../../../src/plan/search/search.js'
import { defaultSpace } from '../../../src/plan/search/space.js'
import { model } from '../cost/support.js'
import {
  type Found,
  lookAtAll,
  type SmallSpace,
  spaceOf,
  undominated,
  WORKLOAD,
} from './support.js'

/** Not empty, in the order of the list. */
function some<T>(list: readonly T[]): fc.Arbitrary<T[]> {
  return fc.subarray([...list], { minLength: 1 })
}

const smallSpaces: fc.Arbitrary<SmallSpace> = fc.record({
  model: fc.constantFrom('gpt-oss-120b', 'qwen3-30b-a3b', 'glm-4.5-air'),
  heads: some([
    ['rtx-5090', 1],
    ['rtx-3090', 2],
  ] as const),
  cards: some(['rtx-3090', 'rtx-4090', 'rtx-5090']),
  perHost: some([1, 3]),
  hosts: some([1, 2, 5]),
  gigabits: some(['1', '10', '25', '100', '400']),
  replicas: some([1, 2]),
  formats: some(['as it is', 'q4_0', 'q8_0']),
})

const goals: fc.Arbitrary<Goal> = fc.oneof(
  fc.record({
    kind: fc.constant('fastest' as const),
    measure: fc.constantFrom('hour' as const, 'purchase' as const),
    // Read as dollars an hour it is no limit, so both kinds occur.
    budgetUsd: fc.oneof(
      fc.double({ min: 0.3, max: 3, noNaN: true }),
      fc.double({ min: 5e3, max: 5e4, noNaN: true }),
    ),
  }),
  fc.record({
    kind: fc.constant('cheapest' as const),
    measure: fc.constantFrom('hour' as const, 'purchase' as const),
    tokensPerSecond: fc.double({ min: 1, max: 3000, noNaN: true }),
  }),
)

function bestOf(all: readonly Found[], goal: Goal): Found | undefined {
  const fit = all.filter(
    ({ tokensPerSecond }) => goal.kind === 'fastest' || tokensPerSecond >= goal.tokensPerSecond,
  )
  const [key, other] =
    goal.kind === 'fastest'
      ? [(a: Found) => -a.tokensPerSecond, (a: Found) => a.costUsd]
      : [(a: Found) => a.costUsd, (a: Found) => -a.tokensPerSecond]
  return [...fit].sort((a, b) => key(a) - key(b) || other(a) - other(b) || a.tpotS - b.tpotS)[0]
}

test('the search finds the best and the front that a look at every fleet finds', () => {
  fc.assert(
    fc.property(smallSpaces, goals, (small, goal) => {
      const space = spaceOf(small)
      const all = lookAtAll(space, goal, WORKLOAD)
      const { best, front, counts } = searchFleets({ space, goal, workload: WORKLOAD })
      assert.ok(counts.estimates <= counts.fleets, 'no fleet is estimated twice')
      assert.equal(best?.name, bestOf(all, goal)?.name)
      assert.deepEqual(
        front.map(({ name }) => name).sort(),
        undominated(all)
          .map(({ name }) => name)
          .sort(),
      )
    }),
    { numRuns: 20 },
  )
})

test('it does so with tight limits of latency too', () => {
  const workload = { ...WORKLOAD, tpotS: 0.03, ttftS: 1 }
  fc.assert(
    fc.property(smallSpaces, goals, (small, goal) => {
      const space = spaceOf(small)
      const all = lookAtAll(space, goal, workload)
      const { best } = searchFleets({ space, goal, workload })
      assert.equal(best?.name, bestOf(all, goal)?.name)
    }),
    { numRuns: 20 },
  )
})

const REQUEST: SearchRequest = {
  space: spaceOf({
    model: 'gpt-oss-120b',
    cards: ['rtx-3090', 'rtx-5090'],
    hosts: [1, 2, 3],
    gigabits: ['1', '10', '100'],
  }),
  goal: { kind: 'fastest', measure: 'purchase', budgetUsd: 20_000 },
  workload: WORKLOAD,
}

test('more money never buys less', () => {
  let before = 0
  for (const budgetUsd of [7e3, 1e4, 1.5e4, 2e4, 3e4, 6e4]) {
    const goal: Goal = { kind: 'fastest', measure: 'purchase', budgetUsd }
    const speed = searchFleets({ ...REQUEST, goal }).best?.tokensPerSecond ?? 0
    assert.ok(speed >= before, `${budgetUsd}`)
    before = speed
  }
  assert.ok(before > 0)
})

test('what the budget search finds is what the target search pays for its speed', () => {
  const { best } = searchFleets(REQUEST)
  assert.ok(best !== undefined && best.upfrontUsd <= 20_000)
  const goal: Goal = {
    kind: 'cheapest',
    measure: 'purchase',
    tokensPerSecond: best.tokensPerSecond,
  }
  assert.equal(searchFleets({ ...REQUEST, goal }).best?.name, best.name)
})

test('of a hundred thousand fleets it asks the cost model of one in ten at most', () => {
  const space = defaultSpace(model('gpt-oss-120b'))
  const { counts, best } = searchFleets({ ...REQUEST, space })
  assert.ok(counts.fleets > 9e4 && best !== undefined)
  assert.ok(counts.estimates < counts.fleets / 10, JSON.stringify(counts))
})

test('of two formats the narrower is faster, and its name says so', () => {
  const space = spaceOf({
    model: 'qwen3-30b-a3b',
    cards: ['rtx-3090'],
    hosts: [1, 2],
    gigabits: ['10'],
    formats: ['q8_0', 'q4_0'],
  })
  assert.match(searchFleets({ ...REQUEST, space }).best?.name ?? '', /, q4_0$/)
})

test('a rented fleet is searched by the hour, and its ports are in its rent', () => {
  const space = { ...REQUEST.space, owned: false }
  const goal: Goal = { kind: 'fastest', measure: 'hour', budgetUsd: 3 }
  const { best } = searchFleets({ ...REQUEST, space, goal })
  assert.ok(best !== undefined && best.upfrontUsd === 0 && best.hourUsd <= 3)
  assert.match(best.name, /100 GbE and 100 GbE/)
})

test('it says how far it is', () => {
  const seen: number[] = []
  searchFleets({ ...REQUEST, onProgress: (done, all) => seen.push(done / all) })
  assert.ok(seen.length > 0 && seen.every((share) => share >= 0 && share < 1))
})

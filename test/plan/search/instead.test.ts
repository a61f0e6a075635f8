import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SputnikError } from '../../../src/base/errors.js'
import type { Goal } from '../../../src/plan/search/goal.js'
import { insteadOf } from '../../../src/plan/search/instead.js'
import { type SearchRequest, searchFleets } from '../../../src/plan/search/search.js'
import { lookAtAll, spaceOf, WORKLOAD } from './support.js'

const REQUEST: SearchRequest = {
  space: spaceOf({
    model: 'gpt-oss-120b',
    cards: ['rtx-3090', 'rtx-5090'],
    hosts: [1, 2, 3],
    gigabits: ['1', '10', '100'],
  }),
  goal: { kind: 'fastest', measure: 'purchase', budgetUsd: 2000 },
  workload: { ...WORKLOAD, tpotS: 0.05 },
}

test('too small a budget is told what the cheapest fleet that fits costs', () => {
  const result = searchFleets(REQUEST)
  assert.equal(result.best, undefined)
  const { choice, text } = insteadOf(REQUEST, result)
  const unlimited: Goal = { kind: 'fastest', measure: 'purchase', budgetUsd: 1e9 }
  const all = lookAtAll(REQUEST.space, unlimited, REQUEST.workload)
  const least = Math.min(...all.map(({ costUsd }) => costUsd))
  assert.equal(choice?.upfrontUsd, least)
  assert.match(text, new RegExp(`${least.toFixed(0)} dollars`))
})

test('too high a target is told what the fastest reaches', () => {
  const goal: Goal = { kind: 'cheapest', measure: 'hour', tokensPerSecond: 1e6 }
  const request = { ...REQUEST, goal }
  const { choice, text } = insteadOf(request, searchFleets(request))
  const all = lookAtAll(request.space, goal, request.workload)
  const most = Math.max(...all.map(({ tokensPerSecond }) => tokensPerSecond))
  assert.equal(choice?.tokensPerSecond, most)
  assert.match(text, /no fleet of the space reaches 1000000 tokens\/s/)
})

test('a model that fits nowhere is told how much is missing', () => {
  const space = spaceOf({
    model: 'deepseek-v3',
    cards: ['rtx-3090'],
    hosts: [1, 2],
    gigabits: ['10'],
  })
  const request = { ...REQUEST, space }
  const { choice, text } = insteadOf(request, searchFleets(request))
  assert.equal(choice, undefined)
  assert.match(text, /at any price; nearest comes .*(lacks|find no place)/)
})

test('limits that no fleet keeps are told how near the nearest came', () => {
  const request = { ...REQUEST, workload: { ...WORKLOAD, tpotS: 1e-4 } }
  const { text } = insteadOf(request, searchFleets(request))
  assert.match(text, /nearest comes .* at a batch of 1 a token takes .* ms of 100 µs allowed/)
})

const WRONG: ReadonlyArray<readonly [field: string, change: Partial<SearchRequest>]> = [
  ['budgetUsd', { goal: { kind: 'fastest', measure: 'hour', budgetUsd: -1 } }],
  ['budgetUsd', { goal: { kind: 'fastest', measure: 'hour', budgetUsd: Number.NaN } }],
  ['tokensPerSecond', { goal: { kind: 'cheapest', measure: 'hour', tokensPerSecond: 0 } }],
  ['measure', { space: { ...REQUEST.space, owned: false } }],
  ['tpotS', { workload: { ...WORKLOAD, tpotS: 0 } }],
  ['ttftS', { workload: { ...WORKLOAD, ttftS: Number.NaN } }],
  ['heads', { space: { ...REQUEST.space, heads: [] } }],
  ['nics', { space: { ...REQUEST.space, nics: [] } }],
  ['hosts', { space: { ...REQUEST.space, hosts: [0] } }],
  ['cardsPerHost', { space: { ...REQUEST.space, cardsPerHost: [1.5] } }],
]
for (const [field, change] of WRONG) {
  test(`a search with wrong ${field} names it: ${JSON.stringify(change).slice(0, 60)}`, () => {
    assert.throws(
      () => searchFleets({ ...REQUEST, ...change }),
      (error: unknown) =>
        error instanceof SputnikError &&
        error.code === 'SEARCH_INVALID' &&
        error.message.startsWith(field) &&
        error.fix.includes(field),
    )
  })
}

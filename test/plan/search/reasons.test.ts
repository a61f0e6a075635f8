import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findCard } from '../../../src/plan/catalog/catalogue.js'
import { reasonsFor } from '../../../src/plan/search/reasons.js'
import { type SearchRequest, searchFleets } from '../../../src/plan/search/search.js'
import { defaultSpace } from '../../../src/plan/search/space.js'
import { model } from '../cost/support.js'
import { WORKLOAD } from './support.js'

const SPACE = { ...defaultSpace(model('deepseek-r1')), cardsPerHost: [4] }
const REQUEST: SearchRequest = {
  space: SPACE,
  goal: { kind: 'fastest', measure: 'purchase', budgetUsd: 60_000 },
  workload: { ...WORKLOAD, batches: [1, 4, 16, 64] },
}

test('for a model larger than the budget in 5090s it mixes them with 3090s by itself', () => {
  const { best } = searchFleets(REQUEST)
  const kinds = best?.fleet.domains.flatMap(({ cards }) => cards.map(({ card }) => card.id)) ?? []
  assert.equal(kinds.length, 2)
  assert.ok(kinds.includes('rtx-3090'), kinds.join())
  for (const id of ['rtx-3090', 'rtx-4090', 'rtx-5090']) {
    const space = { ...SPACE, cards: [findCard(id)] }
    const alone = searchFleets({ ...REQUEST, space }).best?.tokensPerSecond ?? 0
    assert.ok(alone < (best?.tokensPerSecond ?? 0), `${id} alone: ${alone}`)
  }
})

test('it gives its reasons, and says what the next best fleet lacks', () => {
  const result = searchFleets(REQUEST)
  const { best, runnerUp } = reasonsFor(REQUEST, result)
  assert.match(best[0] ?? '', /tokens\/s, the most of all fleets for \$60,000/)
  assert.ok(best.some((reason) => /RTX 3090 adds room at .* speed at/.test(reason)))
  assert.match(best.at(-1) ?? '', /twice as much of .* would save \d/)
  assert.ok(runnerUp !== undefined)
  assert.notDeepEqual(runnerUp.choice.fleet.domains, result.best?.fleet.domains)
  assert.match(runnerUp.lost.join('; '), /% fewer tokens\/s/)
})

test('without a best there is nothing to give reasons for', () => {
  const goal = { kind: 'fastest', measure: 'purchase', budgetUsd: 100 } as const
  const request = { ...REQUEST, goal }
  assert.deepEqual(reasonsFor(request, searchFleets(request)), { best: [] })
})

/** The event loop of a card never turns: what waits for that to be freed is never freed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allocateCollected } from '../../src/native/memory.js'
import { residentGrowth } from '../support/memory.js'
import { testModel } from '../support/models.js'
import { dispatchOf, loadOf, openKernel, recordOf } from './support.js'

/** Each dispatch took 9 kB, as long as views of its tensors were made for it. */
const GROWTH_BYTES_MAX = 6 << 20
const EXPERTS = [1, 2, 4, 5, 7]

test('a card takes no more memory for dispatches whose graphs it does not keep', () => {
  const tensors = ['gate.weight', 'up.weight', 'down.weight']
  const load = loadOf(testModel('qwen3moe'), { tensors, pages: EXPERTS })
  const activation = [{ op: 'glu', fn: 'SWIGLU', gate: 0, up: 1, alpha: 0, limit: 0 }] as const
  const record = recordOf(load, { activation, weights: 'after' })
  // As many experts for each token would make a graph that is kept.
  const tokens = [1, 2, 3, 1].map((count) => ({
    x: new Float32Array(record.nEmbd).fill(count),
    pairs: EXPERTS.slice(0, count).map((expert) => ({ expert, weight: 1 })),
  }))
  const dispatch = dispatchOf(record, tokens)
  const answer = allocateCollected(1 << 20)
  const kernel = openKernel(load, record)
  const compute = (): void => kernel.compute(dispatch, answer.address)
  const growth = residentGrowth(compute, { times: 1500, rounds: 5 })
  assert.ok(growth < GROWTH_BYTES_MAX, `${growth} bytes`)
})

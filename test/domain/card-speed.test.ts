import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CardSpeed } from '../../src/domain/card-speed.js'
import { FramePool } from '../../src/domain/frame-pool.js'
import { readDispatch } from '../../src/fabric/dispatch.js'
import { N_USED, recordOf } from './support.js'

const record = recordOf(0)
const from = { card: 0, region: 0, experts: [1, 4, 7], pool: new FramePool() }

/** Measures to the end; what a dispatch takes is told by its tokens and the run. */
function measure(computeUs: (tokens: number, run: number) => number): CardSpeed {
  const speed = new CardSpeed()
  for (let run = 0; !speed.isOver; run++) {
    const { header } = speed.next(record, from)
    speed.note(computeUs(header.tokens, run))
  }
  return speed
}

test('CardSpeed asks for dispatches that a card understands', () => {
  const speed = new CardSpeed()
  for (const tokens of [1, 1, 4, 4, 16, 16, 64, 64]) {
    const { header, frame, bytes } = speed.next(record, from)
    const dispatch = readDispatch(frame, { bytes, header, bounds: record })
    assert.deepEqual([dispatch.tokens, dispatch.pairs], [tokens, 3 * tokens])
    const experts = [...frame.u16.subarray(dispatch.experts, dispatch.experts + 3)]
    assert.deepEqual(experts, from.experts)
    speed.note(1)
  }
  assert.ok(speed.isOver)
})

test('CardSpeed takes the faster of two runs', () => {
  const speed = measure((tokens, run) => 3 * tokens * (run % 2 === 0 ? 50 : 10))
  assert.deepEqual(
    speed.points.map(({ usPerPair }) => usPerPair),
    [10, 10, 10, 10],
  )
  assert.equal(speed.pairUs, 10)
})

test('CardSpeed stops before it keeps a slow card busy for long', () => {
  let usedUs = 0
  const speed = measure((tokens) => {
    usedUs += 3 * tokens * 2000
    return 3 * tokens * 2000
  })
  assert.deepEqual(
    speed.points.map(({ tokens }) => tokens),
    [1, 4, 16],
  )
  assert.ok(usedUs <= 300_000)
  assert.equal(measure(() => 1e6).points.length, 1)
})

test('CardSpeed waits a while for as many pages as a token wants', () => {
  const speed = new CardSpeed()
  assert.equal(speed.isDue(0, { pages: 0, nUsed: N_USED }), false)
  assert.equal(speed.isDue(10, { pages: N_USED, nUsed: N_USED }), true)
  const poor = new CardSpeed()
  assert.equal(poor.isDue(10, { pages: 1, nUsed: N_USED }), false)
  assert.equal(poor.isDue(900, { pages: 2, nUsed: N_USED }), false)
  assert.equal(poor.isDue(1010, { pages: 2, nUsed: N_USED }), true)
  poor.stop()
  assert.equal(poor.isDue(2000, { pages: 4, nUsed: N_USED }), false)
})

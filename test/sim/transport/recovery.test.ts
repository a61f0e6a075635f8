import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Arrivals } from '../../../src/sim/transport/arrivals.js'
import { Cumulative } from '../../../src/sim/transport/cumulative.js'
import type { Outstanding } from '../../../src/sim/transport/outstanding.js'
import { Selective } from '../../../src/sim/transport/selective.js'

const PARTS = { packets: 60, receiveWindow: 1000 }
const WINDOW = 12

type Sent = { readonly sequence: number; readonly isLost: boolean }
type Outcome = { readonly sent: number[]; readonly losses: number; readonly timeouts: number }

/** A channel that keeps the order and loses what `losses` says, in turn; then nothing. */
function transfer(outstanding: Outstanding, losses: readonly boolean[]): Outcome {
  const arrivals = new Arrivals()
  const channel: Sent[] = []
  const sent: number[] = []
  let timeouts = 0
  const fill = (): void => {
    for (;;) {
      const sequence = outstanding.take(WINDOW)
      if (sequence === undefined) return
      channel.push({ sequence, isLost: losses[sent.length] === true })
      sent.push(sequence)
    }
  }
  for (let step = 0; outstanding.acked < PARTS.packets; step++) {
    assert.ok(step < 10_000, 'the transfer ends')
    fill()
    const first = channel.shift()
    if (first === undefined) {
      timeouts++
      outstanding.timedOut()
    } else if (!first.isLost) {
      arrivals.take(first.sequence)
      outstanding.acknowledge(arrivals.next, first.sequence)
    }
    const { inFlight, unacked } = outstanding
    assert.ok(inFlight >= 0 && inFlight <= unacked, `${inFlight} of ${unacked} in flight`)
  }
  return { sent, losses: sent.filter((_, i) => losses[i] === true).length, timeouts }
}

const anyLosses = fc.array(
  fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
  { maxLength: 150 },
)

test('both ways of recovery deliver everything, whatever is lost', () => {
  fc.assert(
    fc.property(anyLosses, (losses) => {
      for (const outstanding of [new Cumulative(PARTS), new Selective(PARTS)]) {
        const { sent } = transfer(outstanding, losses)
        assert.equal(new Set(sent).size, PARTS.packets)
      }
    }),
    { numRuns: 300 },
  )
})

test('selective recovery sends again what was lost, and nothing else', () => {
  fc.assert(
    fc.property(anyLosses, (losses) => {
      const outcome = transfer(new Selective(PARTS), losses)
      assert.equal(outcome.sent.length, PARTS.packets + outcome.losses)
    }),
    { numRuns: 300 },
  )
})

test('losses of one window are mended without a time-out', () => {
  const losses = Array.from({ length: 100 }, (_, i) => [20, 22, 23, 27].includes(i))
  for (const outstanding of [new Cumulative(PARTS), new Selective(PARTS)]) {
    const outcome = transfer(outstanding, losses)
    assert.equal(outcome.timeouts, 0)
    assert.equal(outcome.sent.length, PARTS.packets + 4)
  }
})

test('the last packet has nothing behind it to tell of its loss, so a time-out does', () => {
  const losses = Array.from({ length: 100 }, (_, i) => i === PARTS.packets - 1)
  for (const outstanding of [new Cumulative(PARTS), new Selective(PARTS)]) {
    const outcome = transfer(outstanding, losses)
    assert.equal(outcome.timeouts, 1)
    assert.equal(outcome.sent.at(-1), PARTS.packets - 1)
  }
})

test('the third arrival behind a gap tells of it, not the second', () => {
  for (const outstanding of [new Cumulative(PARTS), new Selective(PARTS)]) {
    for (let i = 0; i < 8; i++) assert.equal(outstanding.take(8), i)
    assert.equal(outstanding.take(8), undefined)
    assert.equal(outstanding.acknowledge(0, 1).change, 'none')
    assert.equal(outstanding.take(8), 8, 'limited transmit')
    assert.equal(outstanding.acknowledge(0, 2).change, 'none')
    assert.equal(outstanding.take(8), 9, 'limited transmit')
    assert.equal(outstanding.acknowledge(0, 3).change, 'lost')
    assert.equal(outstanding.take(4), 0)
    assert.equal(outstanding.take(4), undefined)
  }
})

test('Proportional Rate Reduction brings what is in flight down with what arrives', () => {
  const outstanding = new Selective({ packets: 1000, receiveWindow: 1000 })
  for (let i = 0; i < 100; i++) outstanding.take(100)
  let sent = 0
  for (let arrived = 1; arrived < 100; arrived++) {
    outstanding.acknowledge(0, arrived)
    while (outstanding.take(outstanding.isRecovering ? 50 : 100) !== undefined) sent++
  }
  // Two by limited transmit, the lost one, and about one for each two that arrived.
  assert.ok(Math.abs(sent - (2 + 50)) <= 2, `${sent}`)
  assert.ok(Math.abs(outstanding.inFlight - 50) <= 2, `${outstanding.inFlight}`)
})

test('arrivals keep track of order and repetition', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (sequences) => {
      const arrivals = new Arrivals()
      const seen = new Set<number>()
      for (const sequence of sequences) {
        assert.equal(arrivals.take(sequence), !seen.has(sequence))
        seen.add(sequence)
        let next = 0
        while (seen.has(next)) next++
        assert.equal(arrivals.next, next)
      }
    }),
  )
})

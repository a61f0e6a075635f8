/** Credit over data links: what several peers of one host may have under way, and who is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../../src/base/prng.js'
import { Credits } from '../../src/fabric/credits.js'
import { FRAME, transferOf } from '../../src/fabric/frame.js'
import { frameOf, nextFrame, sameBytes } from './frames.js'
import { type End, endOf } from './link-pair.js'
import { type MemoryChannel, memoryPair } from './memory-channel.js'

type Star = {
  readonly credits: Credits
  readonly clock: { ms: number }
  readonly pairs: ReadonlyArray<{ head: End; node: End; channels: MemoryChannel[] }>
}

function star(count: number, random?: Prng): Star {
  const clock = { ms: 1000 }
  const now = (): number => {
    clock.ms += 0.002
    return clock.ms
  }
  const credits = new Credits({ isStanding: false, now })
  const pairs = Array.from({ length: count }, () => {
    const channels = memoryPair(1 << 20, random)
    const [a, b] = channels
    return { head: endOf(a, true, { credits, now }), node: endOf(b, false, { now }), channels }
  })
  return { credits, clock, pairs }
}

/** A step: all nodes answer at once; returns the most that was under way towards the head. */
function step({ credits, clock, pairs }: Star, number: number, bytes: number): number {
  const transfer = transferOf(number, 0)
  const replies = pairs.map(({ head }) => ({ peer: head.link.peer, transfer, bytes }))
  credits.request(replies, clock.ms)
  for (const { head } of pairs) {
    head.link.send(frameOf(FRAME.dispatch, { bytes: 200, step: number }), 200)
  }
  const combines = pairs.map((_, i) => frameOf(FRAME.combine, { bytes, step: number, seed: i + 1 }))
  let most = 0
  let got = 0
  for (let turn = 0; turn < 1e5 && got < pairs.length; turn++) {
    pairs.forEach(({ head, node }, i) => {
      const combine = combines[i]
      const asked = node.link.poll()
      assert.notEqual(asked, 'gone')
      if (asked !== undefined && combine !== undefined) node.link.send(combine, bytes)
      const { balance } = credits
      most = Math.max(most, balance.outstanding - balance.window)
      const frame = head.link.poll()
      if (frame === undefined || frame === 'gone' || combine === undefined) return
      sameBytes(frame, combine)
      got++
    })
  }
  assert.equal(got, pairs.length)
  return most
}

test('what all peers may send at once stays within the window of their receiver', () => {
  const all = star(16, Prng.fromSeed(3))
  for (let number = 0; number < 20; number++) {
    assert.ok(step(all, number, 30_000) <= 0)
  }
  const { balance } = all.credits
  assert.equal(balance.excess, 0)
  assert.equal(balance.arrived, 20 * 16 * 30_000)
  assert.equal(balance.granted, balance.arrived + balance.outstanding + balance.returned)
})

test('replies that fail, and links that end, give their credit back', () => {
  const all = star(3)
  step(all, 1, 5000)
  const [first, second, third] = all.pairs
  assert.ok(first && second && third)
  const transfer = transferOf(2, 0)
  const replies = all.pairs.map(({ head }) => ({ peer: head.link.peer, transfer, bytes: 9000 }))
  all.credits.request(replies, all.clock.ms)
  assert.ok(all.credits.balance.outstanding > 0)
  first.head.link.close()
  const failure = frameOf(FRAME.failed, { bytes: 40, step: 2 })
  assert.equal(second.node.link.send(failure, 40), true)
  sameBytes(nextFrame(second.head.link, [second.node.link]), failure)
  third.head.link.close()
  // The one that failed keeps what it was granted until its lease ends.
  for (let turn = 0; turn < 1000; turn++) {
    all.clock.ms += 1
    assert.equal(second.head.link.poll(), undefined)
    assert.equal(second.node.link.poll(), undefined)
  }
  assert.equal(all.credits.balance.outstanding, 0)
  // And the link goes on, however many more fail.
  for (let number = 4; number < 2000; number++) {
    const replies = [{ peer: second.head.link.peer, transfer: transferOf(number, 0), bytes: 9000 }]
    all.credits.request(replies, all.clock.ms)
    const next = frameOf(FRAME.failed, { bytes: 40, step: number })
    assert.equal(second.node.link.send(next, 40), true)
    sameBytes(nextFrame(second.head.link, [second.node.link]), next)
  }
  const one: Star = { ...all, pairs: [second] }
  step(one, 3000, 20_000)
})

test('links rest when nothing is under way', () => {
  const all = star(2)
  step(all, 1, 5000)
  for (let turn = 0; turn < 2000; turn++) {
    all.clock.ms += 1
    for (const { head, node } of all.pairs) {
      assert.equal(head.link.poll(), undefined)
      assert.equal(node.link.poll(), undefined)
    }
  }
  const writes = () => all.pairs.flatMap(({ channels }) => channels.map((one) => one.writes))
  const before = writes()
  for (const { head, node } of all.pairs) {
    assert.ok((head.link.waits.limitMs ?? 0) > 1000)
    assert.ok((node.link.waits.limitMs ?? 0) > 1000)
    assert.equal(head.link.waits.doze(), true)
    assert.equal(node.link.poll(), undefined)
  }
  assert.deepEqual(writes(), before)
})

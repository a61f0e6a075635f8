import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SendTurns } from '../../src/fabric/send-turns.js'

/** Links whose bytes leave only when the test says so. */
class Links {
  readonly unacked = new Map<number, number>()
  readonly turns = new SendTurns({ unackedBytes: (peer) => this.unacked.get(peer) ?? 0 })

  /** Hands all of a transfer to the system. */
  write(peer: number, bytes: number, nowUs: number): void {
    this.unacked.set(peer, (this.unacked.get(peer) ?? 0) + bytes)
    this.turns.sent(peer, { bytes, isAll: true, nowUs })
  }

  begun(nowUs: number): number[] {
    const begun: number[] = []
    for (let peer = this.turns.next(nowUs); peer !== undefined; peer = this.turns.next(nowUs)) {
      begun.push(peer)
    }
    return begun
  }
}

const BIG = 100_000

test('three peers send at a time, and the others follow in the order they were ready', () => {
  const links = new Links()
  const { turns } = links
  for (const peer of [5, 3, 9, 1, 7]) turns.ready(peer, 0)
  assert.deepEqual(
    [5, 3, 9, 1, 7].map((peer) => turns.maySend(peer)),
    [true, true, true, false, false],
  )
  for (const peer of [5, 3, 9]) links.write(peer, BIG, 10)
  assert.deepEqual(links.begun(20), [])
  links.unacked.set(9, 0)
  assert.deepEqual(links.begun(30), [1])
  links.unacked.set(5, 5000)
  assert.deepEqual(links.begun(40), [7])
  assert.ok(!turns.isWaiting)
})

test('what is small is over when it is written', () => {
  const links = new Links()
  for (let peer = 0; peer < 9; peer++) {
    links.turns.ready(peer, 0)
    assert.ok(links.turns.maySend(peer))
    links.write(peer, 14_000, 0)
  }
})

test('a peer whose bytes do not move keeps its turn, but nobody waiting', () => {
  const links = new Links()
  const { turns } = links
  for (let peer = 0; peer < 5; peer++) turns.ready(peer, 0)
  links.write(0, BIG, 0)
  turns.sent(1, { bytes: 1000, isAll: false, nowUs: 600 })
  turns.sent(2, { bytes: 1000, isAll: false, nowUs: 600 })
  assert.deepEqual(links.begun(999), [])
  assert.deepEqual(links.begun(1000), [3])
  assert.ok(turns.maySend(0))
  links.unacked.set(0, BIG - 1)
  assert.deepEqual(links.begun(1700), [4], 'three have moved lately no more')
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((peer) => turns.maySend(peer)),
    [true, true, true, true, true],
  )
})

test('a peer that is gone leaves its place', () => {
  const links = new Links()
  const { turns } = links
  for (let peer = 0; peer < 5; peer++) turns.ready(peer, 0)
  turns.lost(3)
  turns.lost(1)
  assert.deepEqual(links.begun(0), [4])
})

test('a peer that is ready again before its bytes have arrived goes on', () => {
  const links = new Links()
  links.turns.ready(1, 0)
  links.write(1, BIG, 0)
  links.turns.ready(1, 10)
  assert.ok(links.turns.maySend(1))
  links.write(1, BIG, 10)
  links.unacked.set(1, 0)
  links.turns.ready(2, 20)
  assert.ok(!links.turns.maySend(1) && links.turns.maySend(2))
})

test('whatever happens, few move at a time and all have their turn', () => {
  const event = fc.record({
    kind: fc.constantFrom('ready', 'write', 'part', 'drain', 'lost', 'pass'),
    peer: fc.nat({ max: 11 }),
    us: fc.nat({ max: 400 }),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const links = new Links()
      const { turns } = links
      const wishes = new Set<number>()
      let nowUs = 0
      const write = (peer: number): void => {
        if (!wishes.has(peer) || !turns.maySend(peer)) return
        wishes.delete(peer)
        links.write(peer, BIG, nowUs)
      }
      for (const { kind, peer, us } of events) {
        nowUs += us
        if (kind === 'ready') {
          wishes.add(peer)
          turns.ready(peer, nowUs)
        } else if (kind === 'write') write(peer)
        else if (kind === 'part' && wishes.has(peer)) {
          turns.sent(peer, { bytes: 10, isAll: false, nowUs })
        } else if (kind === 'drain') links.unacked.set(peer, 0)
        else if (kind === 'lost') {
          wishes.delete(peer)
          links.unacked.set(peer, 0)
          turns.lost(peer)
        } else links.begun(nowUs)
        for (const wish of wishes) assert.ok(turns.maySend(wish) || turns.isWaiting)
      }
      // Once bytes move, everybody is served in so many rounds.
      for (let round = 0; round < 12 && wishes.size > 0; round++) {
        nowUs += 1
        links.begun(nowUs)
        const able = [...wishes].filter((peer) => turns.maySend(peer))
        assert.ok(able.length > 0, `${[...wishes]} wait for nobody`)
        for (const peer of able) write(peer)
        links.unacked.clear()
      }
      assert.equal(wishes.size, 0)
    }),
    { numRuns: 500 },
  )
})

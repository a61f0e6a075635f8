import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type JoinAnswer, Membership, type Session } from '../../src/fleet/membership.js'
import {
  MEMBERSHIP_DEFAULTS,
  type MembershipSettings,
} from '../../src/fleet/membership-settings.js'
import { STANDING } from '../../src/fleet/replica-choice.js'

const NODE = 'node-a'

function accepted(answer: JoinAnswer): Session & { index: number } {
  assert.ok(answer.isAccepted, 'let in')
  return { nodeId: NODE, generation: answer.generation, index: answer.index }
}

function readyNode(settings: Partial<MembershipSettings> = {}) {
  const membership = new Membership(0, settings)
  const session = accepted(membership.join(NODE, 0))
  membership.loading(session, 0)
  membership.ready(session, 0)
  membership.takeEvents()
  return { membership, session }
}

function kinds(membership: Membership): string[] {
  return membership.takeEvents().map((event) => event.kind)
}

/** Ticks at the usual pace. */
function pass(membership: Membership, { from, to }: { from: number; to: number }): void {
  for (let now = from; now <= to; now += 250) membership.tick(now)
}

function standingOf(membership: Membership, index: number): number | undefined {
  const standing = new Uint8Array(8)
  membership.writeStanding(standing)
  return standing[index]
}

test('Membership leads a node from joining to ready, and gives it work only then', () => {
  const membership = new Membership(0)
  const session = accepted(membership.join(NODE, 0))
  assert.equal(membership.member(NODE)?.state, 'joining')
  membership.loading(session, 1)
  assert.equal(membership.member(NODE)?.state, 'loading')
  assert.equal(standingOf(membership, session.index), STANDING.closed)
  membership.ready(session, 2)
  assert.equal(membership.member(NODE)?.state, 'ready')
  assert.equal(standingOf(membership, session.index), STANDING.ready)
  assert.deepEqual(kinds(membership), ['ready'])
})

test('Membership suspects after missed heartbeats and trusts again after one', () => {
  const { membership, session } = readyNode()
  pass(membership, { from: 250, to: 2000 })
  assert.equal(membership.member(NODE)?.state, 'suspect')
  assert.equal(standingOf(membership, session.index), STANDING.lastResort)
  membership.heartbeat(session, { sequence: 0, now: 2100 })
  assert.equal(standingOf(membership, session.index), STANDING.ready)
  assert.deepEqual(kinds(membership), ['suspect', 'ready'])
})

test('Membership suspects a node whose combine is late until one is in time', () => {
  const { membership, session } = readyNode()
  membership.late(session, true)
  membership.heartbeat(session, { sequence: 0, now: 10 })
  assert.equal(membership.member(NODE)?.state, 'suspect')
  membership.late(session, false)
  assert.deepEqual(kinds(membership), ['suspect', 'ready'])
})

test('Membership trusts a node again that was late some time ago, for only then it is asked', () => {
  const { membership, session } = readyNode({ forgiveMs: 1000 })
  for (let now = 250, sequence = 0; now <= 1250; now += 250, sequence++) {
    membership.heartbeat(session, { sequence, now })
    membership.tick(now)
    if (now === 250) membership.late(session, true)
  }
  assert.equal(membership.member(NODE)?.state, 'suspect')
  pass(membership, { from: 1500, to: 1500 })
  assert.equal(membership.member(NODE)?.state, 'ready')
  membership.late(session, true)
  pass(membership, { from: 1750, to: 2000 })
  assert.equal(membership.member(NODE)?.state, 'suspect')
})

test('Membership ends a lease, once, and ignores the session after that', () => {
  const { membership, session } = readyNode()
  pass(membership, { from: 250, to: 6000 })
  const [, lost, ...others] = membership.takeEvents()
  assert.deepEqual(lost, { ...session, kind: 'lost', reason: 'lease' })
  assert.deepEqual(others, [])
  assert.equal(membership.heartbeat(session, { sequence: 9, now: 6001 }), false)
  assert.equal(membership.ready(session, 6001), false)
  assert.equal(standingOf(membership, session.index), STANDING.closed)
})

test('Membership takes a node back under its id with a new generation', () => {
  const { membership, session } = readyNode()
  membership.connectionEnded(session, 100)
  pass(membership, { from: 250, to: 60_000 })
  const again = accepted(membership.join(NODE, 60_100))
  assert.equal(again.index, session.index)
  assert.equal(again.generation, session.generation + 1)
  assert.deepEqual(kinds(membership), ['lost', 'back'])
  assert.equal(membership.connectionEnded(session, 60_200), false)
  assert.equal(membership.member(NODE)?.state, 'joining')
})

test('Membership replaces a half-open session when the node comes again', () => {
  const { membership, session } = readyNode()
  const again = accepted(membership.join(NODE, 500))
  const [lost, back] = membership.takeEvents()
  assert.deepEqual(lost, { ...session, kind: 'lost', reason: 'replaced' })
  assert.deepEqual(back, { ...again, kind: 'back' })
})

test('Membership keeps a flapping node out, longer each time, and says so', () => {
  const membership = new Membership(0)
  let now = 0
  const waits: number[] = []
  while (waits.length < 4) {
    const answer = membership.join(NODE, now)
    if (answer.isAccepted) {
      membership.connectionEnded({ nodeId: NODE, generation: answer.generation }, now + 10)
      now += 20
    } else {
      assert.equal(answer.reason, 'flapping')
      waits.push(Math.round(answer.retryMs / 10_000))
      now += answer.retryMs
    }
  }
  assert.deepEqual(waits, [1, 2, 4, 8])
  assert.equal(kinds(membership).filter((kind) => kind === 'keptOut').length, 4)
})

test('Membership forgives a node that was lost now and then', () => {
  const membership = new Membership(0)
  for (let now = 0; now < 1e6; now += 40_000) {
    const session = accepted(membership.join(NODE, now))
    membership.connectionEnded(session, now + 1000)
  }
})

test('Membership drains: work until the pages are elsewhere, no blame for leaving', () => {
  const { membership, session } = readyNode({ flapLosses: 1 })
  assert.ok(membership.drain(NODE))
  assert.equal(membership.member(NODE)?.state, 'draining')
  assert.equal(standingOf(membership, session.index), STANDING.ready)
  assert.ok(membership.drained(session))
  assert.equal(membership.drained(session), false)
  membership.connectionEnded(session, 10)
  assert.deepEqual(kinds(membership), ['drained', 'lost'])
  assert.equal(membership.drain(NODE), false)
})

test('Membership keeps an evicted node out until it is pardoned or forgotten', () => {
  const { membership, session } = readyNode({ rememberEvictedMs: 10_000 })
  assert.ok(membership.evict(NODE, 10))
  assert.equal(membership.evict(NODE, 11), false)
  assert.equal(standingOf(membership, session.index), STANDING.closed)
  const refused = membership.join(NODE, 20)
  assert.ok(!refused.isAccepted && refused.reason === 'evicted')
  assert.ok(membership.pardon(NODE, 30))
  assert.ok(membership.join(NODE, 40).isAccepted)
  membership.evict(NODE, 50)
  membership.tick(10_060)
  assert.equal(membership.size, 0)
})

test('Membership does not end leases for the time the head itself stood still', () => {
  const { membership, session } = readyNode()
  membership.heartbeat(session, { sequence: 0, now: 100 })
  membership.tick(250)
  membership.tick(60_000)
  assert.equal(membership.member(NODE)?.state, 'ready')
  pass(membership, { from: 60_250, to: 63_000 })
  assert.equal(membership.member(NODE)?.state, 'lost')
})

test('Membership is bounded: it forgets the longest lost node, and no other', () => {
  const membership = new Membership(0, { nodesMax: 2 })
  const first = membership.join('a', 0)
  assert.ok(first.isAccepted && membership.join('b', 1).isAccepted)
  const full = membership.join('c', 2)
  assert.ok(!full.isAccepted && full.reason === 'full')
  membership.connectionEnded({ nodeId: 'a', generation: first.generation }, 3)
  const third = membership.join('c', 4)
  assert.ok(third.isAccepted && third.index === first.index)
  assert.equal(membership.member('a'), undefined)
})

test('Membership restores ids, generations and evictions after a restart of the head', () => {
  const { membership, session } = readyNode()
  membership.join('b', 0)
  membership.evict('b', 1)
  const next = new Membership(0)
  next.restore(membership.records(), 0)
  const again = accepted(next.join(NODE, 5))
  assert.deepEqual(again, { ...session, generation: session.generation + 1 })
  assert.equal(next.join('b', 5).isAccepted, false)
})

test('Membership does not hold it against a node that it left, as often as it does', () => {
  const membership = new Membership(0)
  for (let time = 0; time < 2 * MEMBERSHIP_DEFAULTS.flapLosses; time++) {
    const session = accepted(membership.join(NODE, time))
    membership.ready(session, time)
    assert.ok(membership.leave(session))
    assert.ok(!membership.leave(session), 'it said so before')
    assert.equal(membership.member(NODE)?.state, 'draining')
    assert.ok(!membership.pardon(NODE, time), 'it goes anyway')
    assert.equal(membership.member(NODE)?.state, 'draining')
    membership.takeEvents()
    membership.connectionEnded(session, time)
    const [event, ...others] = membership.takeEvents()
    assert.ok(event?.kind === 'lost' && event.reason === 'left' && others.length === 0)
  }
  assert.equal(membership.member(NODE)?.losses, 0)
})

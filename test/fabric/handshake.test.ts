import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, SputnikError } from '../../src/base/errors.js'
import { PROTOCOL_VERSION } from '../../src/fabric/frame.js'
import { type Admission, HeadHandshake, JoinHandshake } from '../../src/fabric/handshake.js'
import { toRefused } from '../../src/fabric/handshake-ends.js'
import { nodeNameOf } from '../../src/fabric/handshake-messages.js'
import { joinOf, newHead, newIdentity, OTHER_HASH, type TestHead } from './nodes.js'

const TIMEOUT_MS = 1000
const node = newIdentity()
const join = joinOf(node, null)
const message = { type: 'join', protocol: PROTOCOL_VERSION, ...join }
const everybody: Admission = { check: () => {}, commit: () => {} }

function headEnd(head: TestHead, admission: Admission = head.admission, peerId = node.nodeId) {
  return new HeadHandshake({
    welcome: head.welcome,
    admission,
    peerId,
    now: 0,
    timeoutMs: TIMEOUT_MS,
  })
}

function nodeEnd(fields = join) {
  return new JoinHandshake({ join: fields, now: 0, timeoutMs: TIMEOUT_MS })
}

/** Through JSON, as over a link. */
const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Both ends until neither has anything to say; how each ended. */
function shake(head: HeadHandshake, joiner: JoinHandshake) {
  for (const out of joiner.takeOutbox()) head.receive(sent(out))
  for (const out of head.takeOutbox()) joiner.receive(sent(out))
  assert.deepEqual([...joiner.takeOutbox(), ...head.takeOutbox()], [])
  return { head: head.state, joiner: joiner.state }
}

function assertBothFail(ends: ReturnType<typeof shake>, code: ErrorCode): void {
  for (const state of [ends.head, ends.joiner]) {
    assert.equal(state.kind === 'failed' && state.error.code, code)
  }
}

test('HeadHandshake welcomes a node with a join key, and then without one', () => {
  const head = newHead()
  const first = shake(headEnd(head), nodeEnd(joinOf(node, head.createKey())))
  assert.equal(first.head.kind, 'done')
  assert.deepEqual(first.joiner.kind === 'done' && first.joiner.result, {
    type: 'welcome',
    protocol: PROTOCOL_VERSION,
    ...head.welcome,
  })
  const second = shake(headEnd(head), nodeEnd())
  assert.deepEqual(second.head.kind === 'done' && second.head.result.join.cards, join.cards)
  assert.equal(head.registry.find(node.nodeId)?.name, 'laptop')
})

test('HeadHandshake takes no key for a node whose link proves nothing', () => {
  const head = newHead()
  head.registry.admit({ nodeId: node.nodeId, name: 'laptop' })
  const plain = () =>
    new HeadHandshake({
      welcome: head.welcome,
      admission: head.admission,
      peerId: null,
      now: 0,
      timeoutMs: TIMEOUT_MS,
    })
  assertBothFail(shake(plain(), nodeEnd()), 'JOIN_KEY_REQUIRED')
  const key = head.createKey()
  for (let i = 0; i < 2; i++) {
    assert.equal(shake(plain(), nodeEnd(joinOf(node, key))).joiner.kind, 'done')
  }
})

const refusals: Record<string, [ErrorCode, (head: TestHead) => unknown]> = {
  'a wrong key': ['JOIN_KEY_UNKNOWN', () => joinOf(node, newHead().createKey())],
  'an old key': [
    'JOIN_KEY_EXPIRED',
    (head) => {
      const key = head.createKey()
      head.clock.ms += 1e9
      return joinOf(node, key)
    },
  ],
  'a second use': [
    'JOIN_KEY_USED',
    (head) => {
      const key = head.createKey()
      head.keys.redeem(key, 'another')
      return joinOf(node, key)
    },
  ],
  'an unknown node without a key': ['JOIN_KEY_REQUIRED', () => join],
  'another model': [
    'MODEL_MISMATCH',
    (head) => ({ ...joinOf(node, head.createKey()), modelHash: OTHER_HASH }),
  ],
  'an older protocol': ['PROTOCOL_MISMATCH', () => ({ protocol: PROTOCOL_VERSION - 1 })],
  'a later protocol with other fields': [
    'PROTOCOL_MISMATCH',
    () => ({ protocol: PROTOCOL_VERSION + 1, nodeId: undefined, cards: 'all' }),
  ],
  'an evicted node': [
    'NODE_EVICTED',
    (head) => {
      head.registry.admit({ nodeId: node.nodeId, name: 'laptop' })
      head.registry.evict(node.nodeId)
      return join
    },
  ],
  'an evicted node with a key from before': [
    'NODE_EVICTED',
    (head) => {
      const key = head.createKey()
      head.registry.admit({ nodeId: node.nodeId, name: 'laptop' })
      head.clock.ms++
      head.registry.evict(node.nodeId)
      return joinOf(node, key)
    },
  ],
  'the name of another node': ['FRAME_INVALID', (head) => joinOf(newIdentity(), head.createKey())],
  'more cards than any host has': [
    'FRAME_INVALID',
    () => ({ cards: Array(65).fill(join.cards[0]) }),
  ],
  'no card': ['FRAME_INVALID', () => ({ cards: [] })],
  'a name that steers a terminal': ['FRAME_INVALID', () => ({ name: '\u001b[2J' })],
  'a speed that is no number': [
    'FRAME_INVALID',
    () => ({ cards: [{ ...join.cards[0], memoryBytes: null }] }),
  ],
  'a key id that is a path': [
    'FRAME_INVALID',
    () => ({ key: { id: '../nodes', secret: '0'.repeat(36) } }),
  ],
}

for (const [what, [code, change]] of Object.entries(refusals)) {
  test(`HeadHandshake refuses ${what} as ${code}`, () => {
    const head = newHead()
    const fields = { ...message, ...(change(head) as object) }
    const before = head.keys.list().map((key) => key.usesLeft)
    const admitted = head.registry.find(node.nodeId)
    const joiner = nodeEnd()
    joiner.takeOutbox()
    const end = headEnd(head)
    end.receive(sent(fields))
    assertBothFail(shake(end, joiner), code)
    assert.deepEqual(
      head.keys.list().map((key) => key.usesLeft),
      before,
    )
    assert.deepEqual(head.registry.find(node.nodeId), admitted)
  })
}

test('HeadHandshake lets an evicted node back with a key made after the eviction', () => {
  const head = newHead()
  head.registry.admit({ nodeId: node.nodeId, name: 'laptop' })
  head.registry.evict(node.nodeId)
  head.clock.ms++
  assert.equal(shake(headEnd(head), nodeEnd(joinOf(node, head.createKey()))).joiner.kind, 'done')
  assert.equal(shake(headEnd(head), nodeEnd()).joiner.kind, 'done')
})

test('HeadHandshake compares models only for nodes that may join', () => {
  const head = newHead()
  const ends = shake(headEnd(head), nodeEnd({ ...join, modelHash: OTHER_HASH }))
  assertBothFail(ends, 'JOIN_KEY_REQUIRED')
})

test('HeadHandshake takes a node without a model', () => {
  const head = newHead()
  const ends = shake(headEnd(head, everybody), nodeEnd({ ...join, modelHash: null }))
  assert.equal(ends.joiner.kind, 'done')
})

test('HeadHandshake tells strangers nothing of its own faults', () => {
  const head = newHead()
  const broken: Admission = {
    check: () => {
      throw new SputnikError('STATE_INVALID', 'secret/nodes/y.json is damaged')
    },
    commit: () => {},
  }
  const ends = shake(headEnd(head, broken), nodeEnd())
  assert.equal(ends.head.kind === 'failed' && ends.head.error.code, 'STATE_INVALID')
  assert.equal(ends.joiner.kind, 'failed')
  const { error } = ends.joiner as Extract<typeof ends.joiner, { kind: 'failed' }>
  assert.equal(error.code, 'JOIN_REFUSED')
  assert.doesNotMatch(error.message, /secret/)
})

for (const [name, make] of [
  ['HeadHandshake', () => headEnd(newHead())],
  ['JoinHandshake', () => nodeEnd()],
] as const) {
  test(`${name} fails at its deadline, not before, and then changes no more`, () => {
    const end = make()
    end.tick(TIMEOUT_MS - 1)
    assert.equal(String(end.state.kind), 'waiting')
    end.tick(TIMEOUT_MS)
    const { state } = end
    assert.equal(state.kind === 'failed' && state.error.code, 'LINK_TIMEOUT')
    end.receive(sent(message))
    end.fail(new SputnikError('INTERNAL', 'late'))
    assert.equal(end.state, state)
  })
}

test('JoinHandshake knows reasons it has no name for', () => {
  for (const code of ['NEW_REASON', 'constructor', '__proto__']) {
    const end = nodeEnd()
    end.receive({ type: 'refused', code, message: 'no\u001b[2J' })
    assert.equal(end.state.kind, 'failed')
    const { error } = end.state as Extract<typeof end.state, { kind: 'failed' }>
    assert.equal(error.code, 'JOIN_REFUSED')
    assert.doesNotMatch(error.message, /\p{Cc}/u)
  }
})

test('JoinHandshake knows when to ask again, if the head has said so', () => {
  for (const details of [{ seconds: 9 }, {}]) {
    const end = nodeEnd()
    end.receive(sent(toRefused(new SputnikError('NODE_KEPT_OUT', 'not now', details))))
    assert.equal(end.state.kind, 'failed')
    const { error } = end.state as Extract<typeof end.state, { kind: 'failed' }>
    assert.equal(error.code, 'NODE_KEPT_OUT')
    assert.deepEqual(error.details, details)
  }
})

test('JoinHandshake refuses a welcome of another protocol and one that is wrong', () => {
  const good = { type: 'welcome', protocol: PROTOCOL_VERSION, ...newHead().welcome }
  const wrong: ReadonlyArray<readonly [unknown, ErrorCode]> = [
    [{ ...good, protocol: PROTOCOL_VERSION + 1 }, 'PROTOCOL_MISMATCH'],
    [{ ...good, epoch: -1 }, 'FRAME_INVALID'],
    [{ ...good, leaseMs: 1e12 }, 'FRAME_INVALID'],
    [{ ...good, modelHash: 'x' }, 'FRAME_INVALID'],
    [message, 'FRAME_INVALID'],
    [null, 'FRAME_INVALID'],
    [[], 'FRAME_INVALID'],
  ]
  for (const [answer, code] of wrong) {
    const end = nodeEnd()
    end.receive(answer)
    assert.equal(end.state.kind === 'failed' && end.state.error.code, code)
  }
})

test('nodeNameOf makes a name that the head takes', () => {
  for (const host of ['laptop', 'büro.lan', '-x', '...', '', 'a'.repeat(300), 'a b\u001b[2J']) {
    const end = headEnd(newHead(), everybody)
    end.receive({ ...message, name: nodeNameOf(host) })
    assert.equal(end.state.kind, 'done', host)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/base/errors.js'
import { PROTOCOL_VERSION } from '../../src/fabric/frame.js'
import { HeadHandshake, JoinHandshake } from '../../src/fabric/handshake.js'
import type { Handshake } from '../../src/fabric/handshake-ends.js'
import {
  Entrance,
  OpenPagesHandshake,
  type PagesDoor,
  PagesHandshake,
} from '../../src/fabric/page-handshake.js'
import { PageService } from '../../src/fabric/page-service.js'
import { joinOf, MODEL_HASH, newHead, newIdentity, OTHER_HASH } from './nodes.js'

const timing = { now: 0, timeoutMs: 1000 }
const node = newIdentity()
const { nodeId } = node
const serves = { modelHash: MODEL_HASH, manifestBytes: 77, regionsInUse: 5 }
const open: PagesDoor = { serves, check: () => {} }

/** Both ends until neither has anything to say, through JSON as over a link; how each ended. */
function shake<A, B>(asking: Handshake<A>, answering: Handshake<B>) {
  const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
  for (const out of asking.takeOutbox()) answering.receive(sent(out))
  for (const out of answering.takeOutbox()) asking.receive(sent(out))
  return [asking.state, answering.state] as const
}

function codesOf(states: ReturnType<typeof shake>): (ErrorCode | undefined)[] {
  return states.map((state) => (state.kind === 'failed' ? state.error.code : undefined))
}

const asking = (modelHash = MODEL_HASH) =>
  new OpenPagesHandshake({ pages: { nodeId, modelHash }, ...timing })

const entrance = (door: PagesDoor, peerId: string | null = nodeId) => {
  const { welcome, admission } = newHead()
  return new Entrance({ welcome, admission, door, peerId, ...timing })
}

test('Entrance lets a node in for pages, and tells what is served', () => {
  const [asked, answered] = shake(asking(), entrance(open))
  assert.deepEqual(asked.kind === 'done' && asked.result, {
    type: 'pages',
    protocol: PROTOCOL_VERSION,
    manifestBytes: 77,
    regionsInUse: 5,
  })
  assert.equal(answered.kind === 'done' && answered.result.nodeId, nodeId)
})

test('Entrance lets a node join as ever', () => {
  const head = newHead()
  const { welcome, admission } = head
  const join = joinOf(node, head.createKey())
  const end = new Entrance({ welcome, admission, door: open, peerId: nodeId, ...timing })
  const [asked, answered] = shake(new JoinHandshake({ join, ...timing }), end)
  assert.equal(asked.kind, 'done')
  assert.ok(answered.kind === 'done' && 'join' in answered.result)
})

const refusals: Record<string, [ErrorCode, () => ReturnType<typeof shake>]> = {
  'another model': ['MODEL_MISMATCH', () => shake(asking(OTHER_HASH), entrance(open))],
  'a model that is not read yet': [
    'HEAD_NOT_READY',
    () => shake(asking(), entrance({ ...open, serves: null })),
  ],
  'the name of another node': [
    'FRAME_INVALID',
    () => shake(asking(), entrance(open, newIdentity().nodeId)),
  ],
  'a node that never joined': ['JOIN_KEY_REQUIRED', () => shake(asking(), entrance(serviceOf()))],
  'an evicted node': [
    'NODE_EVICTED',
    () => {
      const { registry } = newHead()
      registry.admit({ nodeId, name: 'laptop' })
      registry.evict(nodeId)
      return shake(asking(), entrance(serviceOf(registry)))
    },
  ],
}

function serviceOf(registry = newHead().registry): PageService {
  return new PageService({ registry, bytesPerSecond: 1e9, now: () => 0 })
}

for (const [what, [code, run]] of Object.entries(refusals)) {
  test(`both ends name ${what} as ${code}`, () => {
    assert.deepEqual(codesOf(run()), [code, code])
  })
}

test('an end that serves only pages takes no joins', () => {
  const join = new JoinHandshake({ join: joinOf(node, null), ...timing })
  const end = new PagesHandshake({ door: open, peerId: nodeId, ...timing })
  assert.deepEqual(codesOf(shake(join, end)), ['FRAME_INVALID', 'FRAME_INVALID'])
})

test('Entrance takes its first message alone, and none after its deadline', () => {
  const late = entrance(open)
  late.tick(1000)
  late.receive(asking().takeOutbox()[0])
  assert.equal(late.state.kind === 'failed' && late.state.error.code, 'LINK_TIMEOUT')
  const twice = entrance(open)
  for (const message of [...asking().takeOutbox(), ...asking(OTHER_HASH).takeOutbox()]) {
    twice.receive(message)
  }
  assert.equal(twice.state.kind, 'done')
  assert.equal(twice.takeOutbox().length, 1)
})

test('HeadHandshake tells a node to wait until the model is known, and keeps its key', () => {
  const head = newHead()
  const key = head.createKey()
  const joining = (modelHash: string | null) => {
    const welcome = { ...head.welcome, modelHash }
    const { admission } = head
    const end = new HeadHandshake({ welcome, admission, peerId: nodeId, ...timing })
    const join = { ...joinOf(node, key), modelHash: null }
    return shake(new JoinHandshake({ join, ...timing }), end)
  }
  assert.deepEqual(codesOf(joining(null)), ['HEAD_NOT_READY', 'HEAD_NOT_READY'])
  assert.equal(joining(MODEL_HASH)[0].kind, 'done')
})

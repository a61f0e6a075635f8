/** Any bytes for the frame decoder and for the handshake; see `fuzzing.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SputnikError } from '../../src/base/errors.js'
import { HEADER_BYTES } from '../../src/fabric/frame.js'
import { type Frame, FrameStream } from '../../src/fabric/frame-stream.js'
import { type Handshake, JoinHandshake } from '../../src/fabric/handshake.js'
import { HANDSHAKE_BYTES_MAX } from '../../src/fabric/handshake-messages.js'
import { decodeMessage, MESSAGE_KIND } from '../../src/fabric/message.js'
import { Entrance, OpenPagesHandshake } from '../../src/fabric/page-handshake.js'
import { fuzz } from './fuzzing.js'
import { joinOf, MODEL_HASH, newIdentity } from './nodes.js'

const node = newIdentity()

/** The frames of a stream that is cut at random; `error` where it turns wrong. */
function decode(bytes: Buffer, nextLength: () => number): { frames: Frame[]; error?: string } {
  const stream = new FrameStream({ payloadBytesMax: HANDSHAKE_BYTES_MAX })
  const frames: Frame[] = []
  try {
    for (let at = 0; at < bytes.length; ) {
      const chunk = bytes.subarray(at, at + nextLength())
      at += chunk.length
      stream.feed(chunk)
      for (let frame = stream.next(); frame !== undefined; frame = stream.next()) frames.push(frame)
      assert.ok(stream.queuedBytes < HANDSHAKE_BYTES_MAX + HEADER_BYTES)
    }
  } catch (error) {
    if (!(error instanceof SputnikError)) throw error
    return { frames, error: error.code }
  }
  return { frames }
}

test('FrameStream survives any bytes, and gives the same however they are cut', () => {
  const outcomes = fuzz('frame-stream', (bytes, random) => {
    const whole = decode(bytes, () => bytes.length)
    const cut = decode(bytes, () => 1 + random.nextBelow(1 << random.nextBelow(13)))
    assert.equal(cut.error, whole.error)
    assert.deepEqual(
      cut.frames.map(({ header, payload }) => [header, Buffer.from(payload).toString('base64')]),
      whole.frames.map(({ header, payload }) => [header, Buffer.from(payload).toString('base64')]),
    )
    const given = whole.frames.reduce((sum, frame) => sum + frame.bytes.length, 0)
    assert.ok(given <= bytes.length)
    return `${whole.error ?? 'fine'} ${Math.min(3, whole.frames.length)}`
  })
  for (const outcome of ['fine 0', 'fine 2', 'FRAME_INVALID 0', 'FRAME_INVALID 2']) {
    assert.ok(outcomes.has(outcome), outcome)
  }
})

function ends(): Handshake<unknown>[] {
  const timing = { now: 0, timeoutMs: 1000 }
  const everybody = { check: () => {}, commit: () => {} }
  const welcome = { headId: node.nodeId, epoch: 1, modelHash: MODEL_HASH, leaseMs: 1000 }
  const serves = { modelHash: MODEL_HASH, manifestBytes: 9, regionsInUse: 1 }
  const door = { serves, check: () => {} }
  return [
    new JoinHandshake({ join: joinOf(node, null), ...timing }),
    new OpenPagesHandshake({ pages: { nodeId: node.nodeId, modelHash: MODEL_HASH }, ...timing }),
    new Entrance({ welcome, peerId: null, admission: everybody, door, ...timing }),
  ]
}

/** All ends receive the frames of the input; each ends well or with an error of the table. */
test('all ends of handshakes survive any bytes', () => {
  const outcomes = fuzz('handshake', (bytes) => {
    const { frames } = decode(bytes, () => bytes.length)
    const kinds = ends().map((end) => {
      for (const frame of frames) receive(end, frame)
      const outBytes = JSON.stringify(end.takeOutbox()).length
      assert.ok(outBytes < HANDSHAKE_BYTES_MAX)
      end.tick(1000)
      assert.notEqual(end.state.kind, 'waiting')
      return end.state.kind === 'failed' ? end.state.error.code : end.state.kind
    })
    return kinds.join(' ')
  })
  for (const outcome of [
    'done FRAME_INVALID FRAME_INVALID',
    'FRAME_INVALID done FRAME_INVALID',
    'FRAME_INVALID FRAME_INVALID done',
    'JOIN_KEY_USED JOIN_KEY_USED FRAME_INVALID',
    'FRAME_INVALID FRAME_INVALID MODEL_MISMATCH',
  ]) {
    assert.ok(outcomes.has(outcome), outcome)
  }
})

function receive(end: Handshake<unknown>, frame: Frame): void {
  try {
    end.receive(decodeMessage(frame, MESSAGE_KIND.handshake))
  } catch (error) {
    if (!(error instanceof SputnikError)) throw error
    end.fail(error)
  }
}

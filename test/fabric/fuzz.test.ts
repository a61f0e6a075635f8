/** Any bytes for the frame decoder, for data links and for the handshake; see `fuzzing.ts`. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { SputnikError } from '../../src/base/errors.js'
import { HEADER_BYTES } from '../../src/fabric/frame.js'
import { type Frame, FrameStream } from '../../src/fabric/frame-stream.js'
import { type Handshake, JoinHandshake } from '../../src/fabric/handshake.js'
import { HANDSHAKE_BYTES_MAX } from '../../src/fabric/handshake-messages.js'
import type { ReceivedFrame } from '../../src/fabric/link.js'
import { decodeMessage, MESSAGE_KIND } from '../../src/fabric/message.js'
import { Entrance, OpenPagesHandshake } from '../../src/fabric/page-handshake.js'
import { fuzz } from './fuzzing.js'
import { endOf } from './link-pair.js'
import { MemoryChannel, Pipe } from './memory-channel.js'
import { joinOf, MODEL_HASH, newIdentity, TICKET } from './nodes.js'

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

type Received = { readonly frames: string[]; readonly end: string; readonly ownBytes: number }

/** What a data link gives of these bytes when they come cut as told, and why it ends. */
function receive(bytes: Buffer, nextLength: () => number): Received {
  const [over, back] = [new Pipe(1 << 26), new Pipe(1 << 26)]
  const { link, ends } = endOf(new MemoryChannel(over, back), true, { now: () => 1000 })
  const frames: string[] = []
  for (let at = 0; at < bytes.length && ends.length === 0; ) {
    const chunk = bytes.subarray(at, at + nextLength())
    at += chunk.length
    over.put(chunk)
    // Frames about credit in great numbers take several looks.
    for (let looks = 0; looks < 3 + bytes.length / (64 * HEADER_BYTES); looks++) {
      const frame = link.poll()
      if (frame === undefined || frame === 'gone') continue
      frames.push(digest(frame))
      looks--
    }
  }
  link.close()
  return { frames, end: ends[0] ?? '', ownBytes: back.bytes }
}

function digest({ buffer, bytes }: ReceivedFrame): string {
  return createHash('sha256').update(buffer.bytes.subarray(0, bytes)).digest('hex')
}

test('DataLink survives any bytes, and gives the same however they are cut', () => {
  const outcomes = fuzz('data-link', (bytes, random) => {
    const whole = receive(bytes, () => bytes.length)
    const cut = receive(bytes, () => 1 + random.nextBelow(1 << random.nextBelow(13)))
    assert.deepEqual(cut.frames, whole.frames)
    assert.equal(cut.end, whole.end)
    assert.ok(whole.frames.length * HEADER_BYTES <= bytes.length)
    assert.ok(whole.ownBytes <= 1000 + 10 * bytes.length, `${whole.ownBytes} bytes in answer`)
    return `${whole.end.replace(/\d+/g, 'n')} ${Math.min(2, whole.frames.length)}`
  })
  const wanted = [
    'this side has closed it 2',
    'a piece is of another frame than the one before it 0',
    'a piece is of another frame than it says 0',
    'a piece is of a frame that needs no credit 0',
    'a piece is longer than its frame 0',
    'a piece is empty 0',
    'a frame came between the pieces of another 0',
    'a frame of n bytes was announced 0',
    'a credit frame holds no whole messages 0',
    'a credit message is beyond all counting 0',
    'peer n forfeits more than it was granted 0',
    'peer n has too many transfers under way 0',
  ]
  for (const outcome of wanted) assert.ok(outcomes.has(outcome), outcome)
})

function ends(): Handshake<unknown>[] {
  const timing = { now: 0, timeoutMs: 1000 }
  const everybody = { check: () => {}, commit: () => {} }
  const about = { headId: node.nodeId, epoch: 1, modelHash: MODEL_HASH, leaseMs: 1000 }
  const welcome = { ...about, ticket: TICKET }
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
      for (const frame of frames) hear(end, frame)
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

function hear(end: Handshake<unknown>, frame: Frame): void {
  try {
    end.receive(decodeMessage(frame, MESSAGE_KIND.handshake))
  } catch (error) {
    if (!(error instanceof SputnikError)) throw error
    end.fail(error)
  }
}

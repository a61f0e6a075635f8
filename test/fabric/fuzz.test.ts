/**
 * Mutates recorded inputs of the frame decoder, of data links and of the handshake.
 * `SPUTNIK_FUZZ_SECONDS` is how long for each of them (2), `SPUTNIK_FUZZ_SEED` where to begin (1): a
 * failure names its seed, which alone replays it.
 *
 * The corpus is in `corpus/<target>`, one input for each file; an input that once failed is added
 * there. `"protocol":99999` in one becomes the version of this code.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { SputnikError } from '../../src/base/errors.js'
import { Prng } from '../../src/base/prng.js'
import { HEADER_BYTES, PROTOCOL_VERSION } from '../../src/fabric/frame.js'
import { type Frame, FrameStream } from '../../src/fabric/frame-stream.js'
import { type Handshake, HeadHandshake, JoinHandshake } from '../../src/fabric/handshake.js'
import { HANDSHAKE_BYTES_MAX } from '../../src/fabric/handshake-messages.js'
import type { ReceivedFrame } from '../../src/fabric/link.js'
import { decodeMessage, MESSAGE_KIND } from '../../src/fabric/message.js'
import { endOf } from './link-pair.js'
import { MemoryChannel, Pipe } from './memory-channel.js'
import { joinOf, MODEL_HASH, newIdentity, TICKET } from './nodes.js'

const CORPUS = 'test/fabric/corpus'
const SECONDS = Number(process.env.SPUTNIK_FUZZ_SECONDS ?? 2)
const SEED = Number(process.env.SPUTNIK_FUZZ_SEED ?? 1)
const INPUT_BYTES_MAX = 1 << 16
const MUTATIONS_MAX = 6
const SPECIAL = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5c, 0x7b, 0x7d, 0x2d, 0x39, 0x65]

const OWN_VERSION = '99999'

const node = newIdentity()

function corpusOf(target: string): Buffer[] {
  const folder = join(CORPUS, target)
  return readdirSync(folder)
    .sort()
    .map((name) => withOwnVersion(readFileSync(join(folder, name))))
}

/** JSON minds no spaces, so the length of the frame stays. */
function withOwnVersion(bytes: Buffer): Buffer {
  const version = String(PROTOCOL_VERSION).padEnd(OWN_VERSION.length)
  const text = bytes.toString('latin1')
  return Buffer.from(
    text.replaceAll(`"protocol":${OWN_VERSION}`, `"protocol":${version}`),
    'latin1',
  )
}

function mutate(random: Prng, corpus: readonly Buffer[]): Buffer {
  const pick = () => defined(corpus[random.nextBelow(corpus.length)], 'corpus')
  let bytes: Buffer = Buffer.from(pick())
  const count = random.nextBelow(MUTATIONS_MAX + 1)
  for (let i = 0; i < count; i++) bytes = mutateOnce(random, { bytes, other: pick() })
  return bytes.subarray(0, INPUT_BYTES_MAX)
}

function mutateOnce(random: Prng, { bytes, other }: { bytes: Buffer; other: Buffer }): Buffer {
  const at = random.nextBelow(bytes.length + 1)
  const length = random.nextBelow(1 << random.nextBelow(12))
  const [start, rest] = [bytes.subarray(0, at), bytes.subarray(at)]
  const special = SPECIAL[random.nextBelow(SPECIAL.length)] ?? 0
  switch (random.nextBelow(7)) {
    case 0:
      return Buffer.concat([start, Buffer.of(random.nextBelow(256)), rest.subarray(1)])
    case 1:
      return Buffer.concat([start, Buffer.alloc(length % 9, special), rest.subarray(length % 9)])
    case 2:
      return Buffer.concat([start, rest.subarray(length)])
    case 3:
      return Buffer.concat([start, Buffer.alloc(length, special), rest])
    case 4:
      return Buffer.concat([start, rest.subarray(0, length), rest])
    case 5:
      return Buffer.concat([start, other.subarray(random.nextBelow(other.length + 1))])
    default:
      return start
  }
}

/** All answers of `check` to many inputs; what escapes is told with the seed and the input. */
function fuzz(target: string, check: (bytes: Buffer, random: Prng) => string): Set<string> {
  const corpus = corpusOf(target)
  const outcomes = new Set<string>()
  const run = (bytes: Buffer, seed: number): void => {
    try {
      outcomes.add(check(bytes, Prng.fromSeed(seed)))
    } catch (error) {
      const hex = bytes.toString('hex')
      throw new Error(`${target}: SPUTNIK_FUZZ_SEED=${seed} input ${hex}`, { cause: error })
    }
  }
  for (const bytes of corpus) run(bytes, 0)
  const endMs = performance.now() + SECONDS * 1000
  for (let seed = SEED; performance.now() < endMs; seed++) {
    run(mutate(Prng.fromSeed(seed), corpus), seed)
  }
  return outcomes
}

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
  return [
    new JoinHandshake({ join: joinOf(node, null), ...timing }),
    new HeadHandshake({ welcome, peerId: null, admission: everybody, ...timing }),
  ]
}

/** Both ends receive the frames of the input; each ends well or with an error of the table. */
test('both ends of the handshake survive any bytes', () => {
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
    'done FRAME_INVALID',
    'FRAME_INVALID done',
    'JOIN_KEY_USED FRAME_INVALID',
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

/**
 * Mutates recorded inputs of the frame decoder and of the handshake. `SPUTNIK_FUZZ_SECONDS` is how
 * long for each of the two (2), `SPUTNIK_FUZZ_SEED` where to begin (1): a failure names its seed,
 * which alone replays it.
 *
 * The corpus is in `corpus/<target>`, one input for each file; an input that once failed is added
 * there. `"protocol":99999` in one becomes the version of this code.
 */
import assert from 'node:assert/strict'
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
import { decodeMessage, MESSAGE_KIND } from '../../src/fabric/message.js'
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
    'done FRAME_INVALID',
    'FRAME_INVALID done',
    'JOIN_KEY_USED FRAME_INVALID',
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

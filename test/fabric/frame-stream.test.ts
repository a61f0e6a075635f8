import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../src/base/assert.js'
import { FRAME_BYTES_MAX, frameHeader } from '../../src/fabric/frame.js'
import { encodeFrame, encodeHeader, FrameStream } from '../../src/fabric/frame-stream.js'
import { collectGarbage } from '../support/memory.js'

const LIMIT = 100_000
const newStream = (payloadBytesMax = LIMIT) => new FrameStream({ payloadBytesMax })

const anyFrame = fc
  .record({
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(LIMIT).map((length) => Uint8Array.from({ length }, (_, i) => (i * 7) ^ length)),
    ),
    kind: fc.nat(255),
    encoding: fc.nat(255),
    region: fc.nat(0xffff),
    step: fc.nat(0xffff_ffff),
    attempt: fc.nat(0xffff),
    tokens: fc.nat(0xffff),
    computeUs: fc.nat(0xffff_ffff),
  })
  .map(({ payload, ...fields }) => {
    const header = { ...fields, payloadBytes: payload.length }
    return { header, payload, bytes: encodeFrame(header, payload) }
  })
const anyFrames = fc.array(anyFrame, { minLength: 1, maxLength: 6 })

/** The same bytes cut into pieces, whose lengths come from `lengths` over and over. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length] ?? 1
    pieces.push(bytes.slice(at, at + length))
    at += length
  }
  return pieces
}

test('FrameStream gives the same frames however the bytes are cut', () => {
  const lengths = fc.array(
    fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 900, max: 70_000 })),
    { minLength: 1, maxLength: 8 },
  )
  fc.assert(
    fc.property(anyFrames, lengths, (frames, parts) => {
      const stream = newStream()
      const found = cut(Buffer.concat(frames.map((frame) => frame.bytes)), parts).flatMap((piece) =>
        stream.push(piece),
      )
      assert.equal(found.length, frames.length)
      frames.forEach(({ header, payload, bytes }, i) => {
        const frame = defined(found[i], 'frame')
        assert.deepEqual(frame.header, header)
        assert.equal(Buffer.compare(frame.payload, payload), 0)
        assert.equal(Buffer.compare(frame.bytes, bytes), 0)
      })
      assert.equal(stream.queuedBytes, 0)
    }),
    { numRuns: 200 },
  )
})

test('FrameStream never gives a frame before its last byte', () => {
  const bytes = encodeFrame(frameHeader(7, { payloadBytes: 3 }), Uint8Array.of(1, 2, 3))
  const stream = newStream()
  for (const byte of bytes.subarray(0, -1)) assert.deepEqual(stream.push(Uint8Array.of(byte)), [])
  assert.equal(stream.queuedBytes, bytes.length - 1)
  assert.equal(stream.push(bytes.subarray(-1)).length, 1)
})

test('FrameStream takes no memory for what is only announced', () => {
  const header = encodeHeader(frameHeader(7, { payloadBytes: FRAME_BYTES_MAX }))
  const { arrayBuffers } = process.memoryUsage()
  const streams = Array.from({ length: 64 }, () => {
    const stream = newStream(FRAME_BYTES_MAX)
    stream.push(header)
    stream.push(new Uint8Array(2000))
    return stream
  })
  assert.ok(process.memoryUsage().arrayBuffers - arrayBuffers < 16 << 20)
  assert.equal(streams[0]?.queuedBytes, header.length + 2000)
})

test('FrameStream takes little more memory than came, also in single bytes', () => {
  const heldBytes = (): number => {
    collectGarbage()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return arrayBuffers + heapUsed
  }
  const stream = newStream(FRAME_BYTES_MAX)
  stream.push(encodeHeader(frameHeader(7, { payloadBytes: FRAME_BYTES_MAX })))
  const before = heldBytes()
  for (let i = 0; i < 1 << 20; i++) stream.feed(Uint8Array.of(i))
  assert.ok(heldBytes() - before < 4 << 20)
  assert.equal(stream.queuedBytes, (1 << 20) + 20)
})

test('FrameStream does not copy a frame that came in one piece', () => {
  const payload = new Uint8Array(50_000).fill(1)
  const bytes = encodeFrame(frameHeader(7, { payloadBytes: payload.length }), payload)
  const [frame] = newStream().push(bytes)
  assert.equal(frame?.payload.buffer, bytes.buffer)
})

test('FrameStream refuses a frame beyond the limit by its header alone, and all that follows', () => {
  const stream = newStream(100)
  const good = encodeFrame(frameHeader(1, { payloadBytes: 100 }), new Uint8Array(100))
  assert.equal(stream.push(good).length, 1)
  const header = encodeHeader(frameHeader(1, { payloadBytes: 101 }))
  assert.deepEqual(stream.push(header.subarray(0, 19)), [])
  assert.throws(() => stream.push(header.subarray(19)), { code: 'FRAME_INVALID' })
  assert.throws(() => stream.push(good), { code: 'FRAME_INVALID' })
  assert.equal(stream.queuedBytes, 0)
})

test('FrameStream refuses what no frame may have, whatever is allowed', () => {
  const header = new Uint8Array(20).fill(0xff)
  assert.throws(() => newStream(FRAME_BYTES_MAX).push(header), { code: 'FRAME_INVALID' })
  assert.throws(() => newStream(FRAME_BYTES_MAX + 1), { name: 'AssertionFailure' })
})

test('FrameStream.allow holds from the next header on', () => {
  const stream = newStream(10)
  const small = encodeFrame(frameHeader(1, { payloadBytes: 10 }), new Uint8Array(10))
  const large = encodeFrame(frameHeader(2, { payloadBytes: 5000 }), new Uint8Array(5000))
  stream.feed(Buffer.concat([small, large]))
  assert.equal(stream.next()?.header.kind, 1)
  stream.allow(5000)
  assert.equal(stream.next()?.header.kind, 2)
  assert.equal(stream.next(), undefined)
})

test('frames share no memory with what comes later', () => {
  const stream = newStream()
  const frameOf = (fill: number) =>
    encodeFrame(frameHeader(1, { payloadBytes: 30 }), new Uint8Array(30).fill(fill))
  const first = defined(stream.push(frameOf(1))[0], 'frame')
  for (let i = 0; i < 2000; i++) stream.push(frameOf(2))
  assert.ok(first.payload.every((byte) => byte === 1))
})

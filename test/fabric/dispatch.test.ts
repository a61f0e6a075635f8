import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SputnikError } from '../../src/base/errors.js'
import { dispatchLayout, encodingByte, readDispatch } from '../../src/fabric/dispatch.js'
import { ENCODINGS, encodedRowBytes, encodingOf } from '../../src/fabric/encoding.js'
import {
  FRAME,
  FRAME_BYTES_MAX,
  type FrameHeader,
  HEADER_BYTES,
  readHeader,
  writeHeader,
} from '../../src/fabric/frame.js'
import { allocateNative, type NativeBuffer } from '../../src/native/memory.js'

const u8 = fc.integer({ min: 0, max: 0xff })
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const headers: fc.Arbitrary<FrameHeader> = fc.record(
  {
    payloadBytes: fc.integer({ min: 0, max: FRAME_BYTES_MAX }),
    kind: u8,
    encoding: u8,
    region: u16,
    step: u32,
    attempt: u16,
    tokens: u16,
    computeUs: u32,
  },
  { noNullPrototype: true },
)

test('readHeader gives back what writeHeader wrote', () => {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES))
  fc.assert(
    fc.property(headers, (header) => {
      writeHeader(view, header)
      assert.deepEqual(readHeader(view), header)
    }),
  )
})

test('readHeader refuses a length beyond that of any frame', () => {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES))
  for (const payloadBytes of [FRAME_BYTES_MAX + 1, 0xffff_ffff]) {
    view.setUint32(0, payloadBytes, true)
    assert.throws(() => readHeader(view), { code: 'FRAME_INVALID' })
  }
})

type Pairs = { experts: number[]; weights: number[] }
type Message = { counts: number[]; pairs: Pairs; header: FrameHeader; bounds: Bounds }
type Bounds = { nEmbd: number; nOut: number; nUsed: number }

/** Dispatches as a head makes them: every token wants 1 to nUsed experts. */
const messages: fc.Arbitrary<Message> = fc
  .record({
    counts: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 20 }),
    blocks: fc.integer({ min: 1, max: 4 }),
    format: fc.record({
      dispatch: fc.constantFrom(...ENCODINGS),
      combine: fc.constantFrom(...ENCODINGS),
      isSummed: fc.boolean(),
    }),
    experts: fc.infiniteStream(u16),
    weights: fc.infiniteStream(fc.float({ noNaN: true })),
  })
  .map(({ counts, blocks, format, experts, weights }) => {
    const total = counts.reduce((sum, count) => sum + count, 0)
    const bounds = { nEmbd: 32 * blocks, nOut: 32, nUsed: 6 }
    const rowBytes = encodedRowBytes(format.dispatch, bounds.nEmbd)
    const { bytes } = dispatchLayout({ tokens: counts.length, pairs: total, rowBytes })
    const header = {
      payloadBytes: bytes - HEADER_BYTES,
      kind: FRAME.dispatch,
      encoding: encodingByte(format),
      region: 3,
      step: 4,
      attempt: 0,
      tokens: counts.length,
      computeUs: 0,
    }
    const pairs = {
      experts: [...experts.take(total)],
      weights: [...weights.take(total)].map(Math.fround),
    }
    return { counts, pairs, header, bounds }
  })

function frameOf({ counts, pairs, header }: Message): NativeBuffer {
  const frame = allocateNative(HEADER_BYTES + header.payloadBytes)
  const layout = dispatchLayout({ tokens: counts.length, pairs: pairs.experts.length, rowBytes: 0 })
  writeHeader(frame.view, header)
  frame.u16.set(counts, layout.counts >> 1)
  frame.u16.set(pairs.experts, layout.experts >> 1)
  frame.f32.set(pairs.weights, layout.weights >> 2)
  return frame
}

function read(frame: NativeBuffer, { header, bounds }: Message, bytes = frame.bytes.length) {
  return readDispatch(frame, { bytes, header, bounds })
}

test('readDispatch finds the parts where dispatchLayout put them', () => {
  fc.assert(
    fc.property(messages, (message) => {
      const frame = frameOf(message)
      const { counts, pairs, header, bounds } = message
      const dispatch = read(frame, message)
      const tokens = counts.length
      const total = pairs.experts.length
      const from = dispatch.experts
      assert.deepEqual([...frame.u16.subarray(dispatch.counts, dispatch.counts + tokens)], counts)
      assert.deepEqual([...frame.u16.subarray(from, from + total)], pairs.experts)
      assert.deepEqual(
        [...frame.f32.subarray(dispatch.weights, dispatch.weights + total)],
        pairs.weights,
      )
      assert.equal(dispatch.rows % 16, 0)
      const rowsEnd = dispatch.rows + tokens * encodedRowBytes(dispatch.encoding, bounds.nEmbd)
      assert.equal(rowsEnd, frame.bytes.length)
      const { encoding, replyEncoding: combine, isSummed } = dispatch
      assert.equal(encodingByte({ dispatch: encoding, combine, isSummed }), header.encoding)
      assert.equal(dispatch.pairs, total)
    }),
  )
})

test('readDispatch refuses every length but its own', () => {
  fc.assert(
    fc.property(messages, fc.integer({ min: -64, max: 64 }), (message, change) => {
      fc.pre(change !== 0)
      const frame = frameOf(message)
      const bytes = Math.max(HEADER_BYTES, frame.bytes.length + change)
      assert.throws(() => read(frame, message, bytes), { code: 'FRAME_INVALID' })
    }),
  )
})

test('readDispatch refuses tokens without experts and with too many', () => {
  fc.assert(
    fc.property(messages, fc.nat(), fc.constantFrom(0, 7, 0xffff), (message, at, count) => {
      const frame = frameOf(message)
      frame.u16[HEADER_BYTES / 2 + (at % message.counts.length)] = count
      assert.throws(() => read(frame, message), { code: 'FRAME_INVALID' })
    }),
  )
})

test('readDispatch refuses unknown encodings, and blocks that do not fit the rows', () => {
  const [message] = fc.sample(messages, { numRuns: 1, seed: 1 })
  assert.ok(message)
  const frame = frameOf(message)
  for (const encoding of [0x03, 0x0f, 0x30, 0xf0, 0xff]) {
    const header = { ...message.header, encoding }
    assert.throws(() => read(frame, { ...message, header }), { code: 'FRAME_INVALID' })
  }
  // 80 / 32 blocks of 34 bytes would be 85 bytes: a whole number, but no whole blocks.
  const q8 = ENCODINGS.indexOf('q8_0')
  const broken = { dispatch: { nEmbd: 80, nOut: 32 }, combine: { nEmbd: 32, nOut: 80 } }
  for (const [part, widths] of Object.entries(broken)) {
    const bounds = { ...widths, nUsed: 1 }
    const rowBytes = part === 'dispatch' ? 85 : 4 * bounds.nEmbd
    const { bytes } = dispatchLayout({ tokens: 2, pairs: 2, rowBytes })
    const encoding = part === 'dispatch' ? q8 : q8 << 4
    const header = { ...message.header, tokens: 2, encoding, payloadBytes: bytes - HEADER_BYTES }
    const pairs = { experts: [0, 0], weights: [1, 1] }
    const one = { counts: [1, 1], pairs, header, bounds }
    assert.throws(() => read(frameOf(one), one), { code: 'FRAME_INVALID' }, part)
  }
})

test('readDispatch takes or refuses any bytes, and never looks behind them', () => {
  const bounds = { nEmbd: 32, nOut: 32, nUsed: 3 }
  const bytesOf = fc.uint8Array({ minLength: HEADER_BYTES, maxLength: 600 })
  fc.assert(
    fc.property(bytesOf, fc.integer({ min: 0, max: 5 }), (random, tokens) => {
      const frame = allocateNative(random.length)
      frame.bytes.set(random)
      const header = { ...readHeader(lengthened(frame)), tokens }
      // Small numbers are likelier to come further than the first check.
      for (let at = HEADER_BYTES; at < frame.bytes.length; at++) {
        frame.bytes[at] = at % 2 === 0 ? (random[at] ?? 0) % 4 : 0
      }
      try {
        const dispatch = readDispatch(frame, { bytes: random.length, header, bounds })
        const rowBytes = encodedRowBytes(encodingOf(header.encoding & 15), bounds.nEmbd)
        assert.ok(dispatch.rows + tokens * rowBytes <= random.length)
        assert.ok(4 * dispatch.weights + 4 * dispatch.pairs <= dispatch.rows)
      } catch (error) {
        assert.ok(error instanceof SputnikError && error.code === 'FRAME_INVALID', String(error))
      }
    }),
    { numRuns: 500 },
  )
})

/** The header's view with a length that readHeader accepts. */
function lengthened(frame: NativeBuffer): DataView {
  frame.view.setUint32(0, frame.bytes.length - HEADER_BYTES, true)
  return frame.view
}

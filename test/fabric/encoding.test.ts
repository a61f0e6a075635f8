import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeRows,
  ENCODINGS,
  type Encoding,
  encodedRowBytes,
  encodeRows,
  encodingFor,
  encodingId,
  encodingOf,
} from '../../src/fabric/encoding.js'
import { loadLibraries } from '../../src/native/library.js'
import { allocateNative } from '../../src/native/memory.js'

loadLibraries('cpu')

/** Largest error of one number, as a share of the largest one of its row. */
const ERROR_MAX: Record<Encoding, number> = { f32: 0, bf16: 2 ** -8, q8_0: 1 / 127 }

test('decodeRows gives back what encodeRows took, within the encoding', () => {
  const numbers = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 })
  const rows = fc.record({
    encoding: fc.constantFrom(...ENCODINGS),
    count: fc.integer({ min: 1, max: 3 }),
    blocks: fc.integer({ min: 1, max: 3 }),
    numbers: fc.infiniteStream(numbers),
  })
  fc.assert(
    fc.property(rows, ({ encoding, count, blocks, numbers: stream }) => {
      const width = 32 * blocks
      const source = allocateNative(4 * count * width)
      source.f32.set([...stream.take(count * width)])
      const bytes = count * encodedRowBytes(encoding, width)
      const encoded = allocateNative(bytes + 1)
      encoded.bytes[bytes] = 77
      encodeRows(encoding, { address: source.address, count, width }, encoded.address)
      assert.equal(encoded.bytes[bytes], 77, 'written behind the end')
      const back = allocateNative(4 * count * width)
      decodeRows(encoding, encoded.address, { address: back.address, count, width })
      const largest = source.f32.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
      source.f32.forEach((value, i) => {
        const error = Math.abs(value - (back.f32[i] ?? Number.NaN))
        assert.ok(error <= ERROR_MAX[encoding] * largest + 1e-6, `${encoding}: ${value}`)
      })
    }),
  )
})

test('encodingFor never chooses blocks that rows do not fill', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ENCODINGS),
      fc.integer({ min: 1, max: 9000 }),
      (wanted, width) => {
        const encoding = encodingFor(wanted, width)
        assert.equal(Number.isInteger(encodedRowBytes(encoding, width)), true)
        if (width % 32 === 0) assert.equal(encoding, wanted)
        else assert.notEqual(encoding, 'q8_0')
      },
    ),
  )
})

test('encodingOf is the inverse of encodingId and refuses other numbers', () => {
  for (const encoding of ENCODINGS) assert.equal(encodingOf(encodingId(encoding)), encoding)
  for (const id of [-1, 3, 15, 0.5]) {
    assert.throws(() => encodingOf(id), { code: 'FRAME_INVALID' })
  }
})

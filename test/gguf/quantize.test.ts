import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { Prng } from '../../src/base/prng.js'
import { fromHalf, toHalf } from '../../src/gguf/half.js'
import type { WeightType } from '../../src/gguf/quantize.js'
import { quantize } from '../../src/gguf/quantize.js'
import { TENSOR_TYPES } from '../../src/gguf/types.js'
import { loadLibraries } from '../../src/native/library.js'

/** How ggml names the function that decodes a row. */
const DECODERS = {
  f16: 'ggml_fp16_to_fp32_row',
  q8_0: 'dequantize_row_q8_0',
  q4_0: 'dequantize_row_q4_0',
  q4_K: 'dequantize_row_q4_K',
  q6_K: 'dequantize_row_q6_K',
  mxfp4: 'dequantize_row_mxfp4',
  iq4_nl: 'dequantize_row_iq4_nl',
} as const satisfies Partial<Record<WeightType, string>>

/** Largest error of normal values relative to their variance; a wrong bit anywhere exceeds it. */
const ERROR_BOUNDS = {
  f16: 1e-7,
  q8_0: 5e-5,
  q4_0: 1e-2,
  q4_K: 8e-3,
  q6_K: 6e-4,
  mxfp4: 2.5e-2,
  iq4_nl: 1e-2,
} as const satisfies Record<keyof typeof DECODERS, number>

type Quantized = keyof typeof DECODERS

function decode(type: Quantized, bytes: Uint8Array): Float32Array {
  const { blockSize, blockBytes } = TENSOR_TYPES[type]
  const elements = (bytes.length / blockBytes) * blockSize
  const values = new Float32Array(elements)
  const native = loadLibraries().base.func(DECODERS[type], 'void', ['void *', 'void *', 'int64_t'])
  native(bytes, values, elements)
  return values
}

function normalizedError(found: Float32Array, wanted: Float32Array): number {
  const power = wanted.reduce((sum, value) => sum + value ** 2, 0)
  const error = wanted.reduce((sum, value, i) => sum + (value - defined(found[i], 'value')) ** 2, 0)
  return error / power
}

for (const type of Object.keys(DECODERS) as Quantized[]) {
  test(`quantize ${type} is what ggml decodes to nearly the same values`, () => {
    const prng = Prng.fromSeed(11)
    const values = Float32Array.from({ length: 256 * 64 }, () => prng.nextGaussian() * 0.1)
    const decoded = decode(type, quantize(type, values))
    const error = normalizedError(decoded, values)
    assert.ok(error < ERROR_BOUNDS[type], `error ${error}`)
  })

  test(`quantize ${type} keeps zeros and signs of extremes`, () => {
    const values = new Float32Array(512)
    values[256 + 7] = 3
    values[256 + 8] = -3
    const decoded = decode(type, quantize(type, values))
    assert.ok(decoded.subarray(0, 256).every((value) => value === 0))
    assert.ok(Math.abs(defined(decoded[256 + 7], 'value') - 3) < 0.7)
    assert.ok(Math.abs(defined(decoded[256 + 8], 'value') + 3) < 0.7)
  })
}

test('quantize f32 keeps the bits', () => {
  const values = Float32Array.of(1.5, -0.25, 1e-30)
  const bytes = quantize('f32', values)
  assert.deepEqual(new Float32Array(bytes.slice().buffer), values)
})

test('toHalf undoes fromHalf for every number', () => {
  for (let bits = 0; bits < 65_536; bits++) {
    const value = fromHalf(bits)
    if (!Number.isNaN(value)) assert.equal(toHalf(value), bits === 0x8000 ? 0x8000 : bits)
  }
})

test('toHalf rounds to the nearest, ties to even', () => {
  assert.equal(toHalf(1 + 2 ** -11), toHalf(1))
  assert.equal(toHalf(1 + 3 * 2 ** -11), toHalf(1 + 2 ** -9))
  assert.equal(toHalf(65_519), 0x7bff)
  assert.equal(toHalf(65_520), 0x7c00)
  assert.equal(toHalf(-1e9), 0xfc00)
  assert.equal(toHalf(2 ** -25), 0)
  assert.equal(toHalf(2 ** -24), 1)
})

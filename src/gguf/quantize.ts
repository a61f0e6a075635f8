/**
 * Encodes floats in the weight types of random models. Block layouts are those of ggml-common.h as
 * the dequantisers of ggml-quants.c read them; scales come from the largest value, with no search.
 */

import { toHalf } from './half.js'
import { encodeQ4K, encodeQ6K } from './quantize-k.js'
import type { TensorType } from './types.js'
import { TENSOR_TYPES } from './types.js'

/** Encodes one block: `x` has the block's elements, `out` its bytes. */
type BlockEncoder = (x: Float32Array, out: DataView) => void

const IQ4_NL_VALUES = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
/** The magnitudes of E2M1, doubled; bit 3 of the code is the sign. */
const FP4_MAGNITUDES = [0, 1, 2, 3, 4, 6, 8, 12]

const ENCODERS = {
  f32: (x, out) => out.setFloat32(0, at(x, 0), true),
  f16: (x, out) => out.setUint16(0, toHalf(at(x, 0)), true),
  q8_0: encodeQ8,
  q4_0: encodeQ4,
  q4_K: encodeQ4K,
  q6_K: encodeQ6K,
  mxfp4: encodeMxfp4,
  iq4_nl: encodeIq4Nl,
} as const satisfies Partial<Record<TensorType, BlockEncoder>>

/** The types `quantize` can encode. */
export type WeightType = keyof typeof ENCODERS

export const WEIGHT_TYPES = Object.keys(ENCODERS) as readonly WeightType[]

/** Encodes `values`, whose number must be a multiple of the type's block size. */
export function quantize(type: WeightType, values: Float32Array): Uint8Array {
  // Little-endian machines only, as ggml's prebuilt libraries are.
  if (type === 'f32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const { blockSize, blockBytes } = TENSOR_TYPES[type]
  const out = new Uint8Array((values.length / blockSize) * blockBytes)
  const encode: BlockEncoder = ENCODERS[type]
  for (let i = 0; i < values.length / blockSize; i++) {
    const block = values.subarray(i * blockSize, (i + 1) * blockSize)
    encode(block, new DataView(out.buffer, i * blockBytes, blockBytes))
  }
  return out
}

/** Half scale, 32 signed bytes. */
function encodeQ8(x: Float32Array, out: DataView): void {
  const scale = Math.abs(peak(x)) / 127
  out.setUint16(0, toHalf(scale), true)
  for (let i = 0; i < 32; i++) out.setInt8(2 + i, Math.round(divide(at(x, i), scale)))
}

/** Half scale, 32 nibbles offset by 8: element i in the low half, i + 16 in the high half. */
function encodeQ4(x: Float32Array, out: DataView): void {
  const scale = peak(x) / -8
  out.setUint16(0, toHalf(scale), true)
  const code = (v: number): number => Math.min(15, Math.round(divide(v, scale)) + 8)
  packNibbles(out, { from: 2, code: (i) => code(at(x, i)) })
}

/** One byte of power-of-two scale (E8M0), 32 E2M1 nibbles in the order of q4_0. */
function encodeMxfp4(x: Float32Array, out: DataView): void {
  const largest = Math.abs(peak(x))
  const exponent = largest === 0 ? 0 : clampByte(Math.floor(Math.log2(largest)) - 2 + 127)
  const scale = 2 ** (exponent - 128)
  out.setUint8(0, exponent)
  const code = (v: number): number => {
    const magnitude = nearest(FP4_MAGNITUDES, Math.abs(v) / scale)
    return v < 0 ? magnitude | 8 : magnitude
  }
  packNibbles(out, { from: 1, code: (i) => code(at(x, i)) })
}

/** Half scale, 32 nibbles that index a table, in the order of q4_0. */
function encodeIq4Nl(x: Float32Array, out: DataView): void {
  const scale = peak(x) / -127
  out.setUint16(0, toHalf(scale), true)
  const code = (v: number): number => nearest(IQ4_NL_VALUES, divide(v, scale))
  packNibbles(out, { from: 2, code: (i) => code(at(x, i)) })
}

function packNibbles(out: DataView, of: { from: number; code: (i: number) => number }): void {
  for (let i = 0; i < 16; i++) out.setUint8(of.from + i, of.code(i) | (of.code(i + 16) << 4))
}

/** The element of largest magnitude, with its sign. */
function peak(x: Float32Array): number {
  let best = 0
  for (const v of x) if (Math.abs(v) > Math.abs(best)) best = v
  return best
}

function nearest(table: readonly number[], value: number): number {
  let best = 0
  for (let i = 1; i < table.length; i++) {
    if (distance(table, { i, value }) < distance(table, { i: best, value })) best = i
  }
  return best
}

function distance(table: readonly number[], { i, value }: { i: number; value: number }): number {
  return Math.abs((table[i] ?? 0) - value)
}

function divide(value: number, by: number): number {
  return by === 0 ? 0 : value / by
}

function clampByte(value: number): number {
  return Math.max(0, Math.min(254, value))
}

function at(x: Float32Array, i: number): number {
  return x[i] ?? 0
}

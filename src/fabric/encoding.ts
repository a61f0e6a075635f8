/**
 * How activations travel: rows of 32-bit floats as they are, as bfloat16, or as ggml's q8_0 blocks.
 * Conversions run in native code on native memory.
 */
import { SputnikError } from '../base/errors.js'
import { ggml } from '../native/ggml.js'
import { copyNative } from '../native/libc.js'
import type { Pointer } from '../native/memory.js'

export const ENCODINGS = ['f32', 'bf16', 'q8_0'] as const
export type Encoding = (typeof ENCODINGS)[number]

const GGML_TYPE_Q8_0 = 8
const Q8_BLOCK = 32
const Q8_BLOCK_BYTES = 34

export function encodingId(encoding: Encoding): number {
  return ENCODINGS.indexOf(encoding)
}

/** @throws SputnikError FRAME_INVALID */
export function encodingOf(id: number): Encoding {
  const encoding = ENCODINGS[id]
  if (encoding === undefined) throw new SputnikError('FRAME_INVALID', `encoding ${id} is unknown`)
  return encoding
}

/** The encoding to use for rows of a width: q8_0 needs whole blocks. */
export function encodingFor(wanted: Encoding, width: number): Encoding {
  return wanted === 'q8_0' && width % Q8_BLOCK !== 0 ? 'bf16' : wanted
}

export function encodedRowBytes(encoding: Encoding, width: number): number {
  if (encoding === 'f32') return 4 * width
  if (encoding === 'bf16') return 2 * width
  return (width / Q8_BLOCK) * Q8_BLOCK_BYTES
}

export type Rows = { readonly address: Pointer; readonly count: number; readonly width: number }

/** Encodes contiguous rows of f32 at `rows` into `target`. */
export function encodeRows(encoding: Encoding, rows: Rows, target: Pointer): void {
  const { address, count, width } = rows
  if (encoding === 'f32') copyNative(target, address, 4 * count * width)
  else if (encoding === 'bf16') ggml().toBf16(address, target, count * width)
  else ggml().quantize(GGML_TYPE_Q8_0, address, target, 0, count, width, null)
}

/** The other way: `rows` is where the f32 numbers go. */
export function decodeRows(encoding: Encoding, source: Pointer, rows: Rows): void {
  const { address, count, width } = rows
  if (encoding === 'f32') copyNative(address, source, 4 * count * width)
  else if (encoding === 'bf16') ggml().fromBf16(source, address, count * width)
  else ggml().dequantizeQ8(source, address, count * width)
}

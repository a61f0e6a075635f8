/** Encodes the header of a GGUF version 3 file into bytes. Knows nothing of tensor contents. */

import { assert } from '../base/assert.js'
import type { GgufScalar, ScalarType, TensorType } from './types.js'
import { ARRAY_TYPE_ID, SCALAR_TYPES, TENSOR_TYPES, tensorBytes } from './types.js'

/** A metadata value to be written, with its type in the file. */
export type MetadataEntry =
  | { readonly type: ScalarType; readonly value: GgufScalar }
  | { readonly type: 'array'; readonly of: ScalarType; readonly value: readonly GgufScalar[] }

export type Metadata = Readonly<Record<string, MetadataEntry>>

/** Name, type and shape (ggml order) of a tensor. */
export type TensorInfo = {
  readonly name: string
  readonly type: TensorType
  readonly shape: readonly number[]
}

export const ALIGNMENT = 32

export function alignUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

/** Everything before the data, padded so that the data begins aligned. */
export function encodeHeader(metadata: Metadata, tensors: readonly TensorInfo[]): Buffer {
  const entries = Object.entries(metadata)
  const parts = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(entries.length)]
  for (const [key, entry] of entries) parts.push(text(key), encodeEntry(entry))
  let offset = 0
  for (const tensor of tensors) {
    parts.push(encodeTensor(tensor, offset))
    offset += alignUp(tensorBytes(tensor.type, tensor.shape))
  }
  const header = Buffer.concat(parts)
  return Buffer.concat([header], alignUp(header.length))
}

function encodeTensor({ name, type, shape }: TensorInfo, offset: number): Buffer {
  const dims = shape.map((dim) => u64(dim))
  return Buffer.concat([
    text(name),
    u32(shape.length),
    ...dims,
    u32(TENSOR_TYPES[type].id),
    u64(offset),
  ])
}

function encodeEntry(entry: MetadataEntry): Buffer {
  if (entry.type !== 'array') {
    const { type, value } = entry
    return Buffer.concat([u32(SCALAR_TYPES[type].id), encodeScalar(type, value)])
  }
  const { of, value } = entry
  const header = [u32(ARRAY_TYPE_ID), u32(SCALAR_TYPES[of].id), u64(value.length)]
  return Buffer.concat([...header, ...value.map((element) => encodeScalar(of, element))])
}

function encodeScalar(type: ScalarType, value: GgufScalar): Buffer {
  if (type === 'str') return text(String(value))
  const { bytes } = SCALAR_TYPES[type]
  const buffer = Buffer.alloc(bytes)
  if (type === 'bool') buffer.writeUInt8(value ? 1 : 0)
  else if (type === 'f32') buffer.writeFloatLE(Number(value))
  else if (type === 'f64') buffer.writeDoubleLE(Number(value))
  else if (type === 'u64') buffer.writeBigUInt64LE(BigInt(value))
  else if (type === 'i64') buffer.writeBigInt64LE(BigInt(value))
  else if (type.startsWith('i')) buffer.writeIntLE(Number(value), 0, bytes)
  else buffer.writeUIntLE(Number(value), 0, bytes)
  return buffer
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}

function u64(value: number): Buffer {
  assert(Number.isSafeInteger(value), `${value} is not an exact size`)
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value))
  return buffer
}

/**
 * Reads the header of one GGUF file (version 2 or 3): metadata and tensor directory, never tensor
 * data. Checks what ggml's gguf.cpp checks and more. Knows nothing of split models.
 */

import { FileCursor } from './cursor.js'
import type { OpenFile } from './file.js'
import { withFile } from './file.js'
import { GGUF_LIMITS } from './limits.js'
import type { GgufTensor, GgufValue } from './types.js'
import { elementCount, TENSOR_TYPES, tensorBytes, tensorTypeOf } from './types.js'
import { readString, readValue } from './values.js'

export type GgufHeader = {
  readonly path: string
  readonly sizeBytes: number
  /** Absolute offset of the first tensor. */
  readonly dataOffset: number
  readonly metadata: ReadonlyMap<string, GgufValue>
  /** In the order of the file; offsets absolute, `file` as given to `readHeader`. */
  readonly tensors: readonly GgufTensor[]
}

type Counts = { tensors: number; keys: number }

/** A tensor as the directory states it: its offset counts from the start of the data. */
type TensorEntry = Omit<GgufTensor, 'file'>

const DEFAULT_ALIGNMENT = 32
const MIN_KEY_BYTES = 8 + 1 + 4 + 1
const MIN_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8

/** Throws GGUF_INVALID, GGUF_LIMIT, FILE_NOT_FOUND or FILE_UNREADABLE. */
export function readHeader(path: string, fileIndex = 0): GgufHeader {
  return withFile(path, (file) => parseHeader(file, fileIndex))
}

function parseHeader(file: OpenFile, fileIndex: number): GgufHeader {
  const cursor = new FileCursor(file)
  const counts = readPreamble(cursor)
  const metadata = readMetadata(cursor, counts.keys)
  const alignment = alignmentOf(cursor, metadata)
  const entries = readTensors(cursor, counts.tensors)
  const padding = entries.length > 0 ? alignment : 1
  const dataOffset = Math.ceil(cursor.position / padding) * padding
  checkLayout(cursor, { entries, alignment, dataOffset })
  const tensors = entries.map((tensor) => ({
    ...tensor,
    file: fileIndex,
    offset: dataOffset + tensor.offset,
  }))
  return { path: file.path, sizeBytes: file.sizeBytes, dataOffset, metadata, tensors }
}

function readPreamble(cursor: FileCursor): Counts {
  if (cursor.sizeBytes === 0) throw cursor.invalid('the file is empty')
  const magic = cursor.bytes(4).toString('latin1')
  if (magic !== 'GGUF') throw cursor.invalid('not a GGUF file: it does not begin with "GGUF"')
  checkVersion(cursor, cursor.u32())
  cursor.what = 'the tensor count'
  const tensors = cursor.size()
  cursor.what = 'the key count'
  const keys = cursor.size()
  checkCount(cursor, { count: tensors, max: GGUF_LIMITS.tensorCount, bytes: MIN_TENSOR_BYTES })
  checkCount(cursor, { count: keys, max: GGUF_LIMITS.keyCount, bytes: MIN_KEY_BYTES })
  return { tensors, keys }
}

function checkVersion(cursor: FileCursor, version: number): void {
  if (version === 2 || version === 3) return
  const bigEndian = version !== 0 && (version & 0xffff) === 0
  throw cursor.invalid(
    bigEndian
      ? 'big-endian GGUF files are not supported; convert it to little-endian'
      : `GGUF version ${version} is not supported, only 2 and 3`,
  )
}

function checkCount(cursor: FileCursor, of: { count: number; max: number; bytes: number }): void {
  if (of.count > cursor.remainingBytes / of.bytes) {
    throw cursor.invalid(`the header states ${of.count} entries, more than the file can hold`)
  }
  if (of.count > of.max) {
    throw cursor.limit(`the header states ${of.count} entries, more than ${of.max}`)
  }
}

function readMetadata(cursor: FileCursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>()
  let stringBytes = 0
  for (let i = 0; i < count; i++) {
    cursor.what = `key ${i}`
    const key = readName(cursor, GGUF_LIMITS.keyBytes)
    if (metadata.has(key)) throw cursor.invalid(`the key "${key}" appears twice`)
    cursor.what = `the value of "${key}"`
    const value = readValue(cursor)
    if (value.type === 'str') stringBytes += String(value.value).length
    if (stringBytes > GGUF_LIMITS.totalStringBytes) {
      throw cursor.limit(`its strings exceed ${GGUF_LIMITS.totalStringBytes} bytes`)
    }
    metadata.set(key, value)
  }
  return metadata
}

/** A key or tensor name: C code would cut it at a NUL, so that two names could become one. */
function readName(cursor: FileCursor, maxBytes: number): string {
  const name = readString(cursor, maxBytes)
  if (name === '') throw cursor.invalid(`${cursor.what} has an empty name`)
  if (name.includes('\0') || name.includes('\ufffd')) {
    throw cursor.invalid(`${cursor.what} has a name that is not plain text`)
  }
  return name
}

function alignmentOf(cursor: FileCursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const value = metadata.get('general.alignment')
  if (value === undefined) return DEFAULT_ALIGNMENT
  if (value.type !== 'u32') throw cursor.invalid('"general.alignment" is not a u32')
  const alignment = Number(value.value)
  if (alignment > GGUF_LIMITS.alignment) {
    throw cursor.limit(`"general.alignment" is ${alignment}, more than ${GGUF_LIMITS.alignment}`)
  }
  if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
    throw cursor.invalid(`"general.alignment" is ${alignment}, not a power of two`)
  }
  return alignment
}

function readTensors(cursor: FileCursor, count: number): TensorEntry[] {
  const tensors: TensorEntry[] = []
  const names = new Set<string>()
  for (let i = 0; i < count; i++) {
    cursor.what = `tensor ${i}`
    const tensor = readTensor(cursor)
    if (names.has(tensor.name)) throw cursor.invalid(`the tensor "${tensor.name}" appears twice`)
    names.add(tensor.name)
    tensors.push(tensor)
  }
  return tensors
}

function readTensor(cursor: FileCursor): TensorEntry {
  const name = readName(cursor, GGUF_LIMITS.tensorNameBytes)
  cursor.what = `tensor "${name}"`
  const shape = readShape(cursor)
  const id = cursor.u32()
  const type = tensorTypeOf(id)
  if (type === undefined) throw cursor.invalid(`${cursor.what} has the unknown type ${id}`)
  const { blockSize } = TENSOR_TYPES[type]
  const rowElements = shape[0] ?? 0
  if (rowElements % blockSize !== 0) {
    throw cursor.invalid(
      `${cursor.what} has rows of ${rowElements} elements, not a multiple of ${blockSize} (${type})`,
    )
  }
  const bytes = tensorBytes(type, shape)
  return { name, type, shape, bytes, offset: cursor.size() }
}

function readShape(cursor: FileCursor): number[] {
  const dims = cursor.u32()
  if (dims < 1 || dims > GGUF_LIMITS.dims) {
    throw cursor.invalid(`${cursor.what} has ${dims} dimensions, 1 to ${GGUF_LIMITS.dims} expected`)
  }
  const shape: number[] = []
  for (let i = 0; i < dims; i++) shape.push(cursor.size())
  // The densest type has one bit per element; a zero dimension must not hide the others.
  const elements = elementCount(shape.map((dim) => Math.max(dim, 1)))
  if (elements > cursor.sizeBytes * 8) {
    throw cursor.invalid(`${cursor.what} of shape [${shape}] is larger than the file`)
  }
  return shape
}

type Layout = { entries: readonly TensorEntry[]; alignment: number; dataOffset: number }

/** As ggml demands, each tensor begins where the one before it ends, rounded up. */
function checkLayout(cursor: FileCursor, { entries, alignment, dataOffset }: Layout): void {
  let expected = 0
  for (const { name, offset, bytes } of entries) {
    if (offset !== expected) {
      throw cursor.invalid(`tensor "${name}" has the offset ${offset}, expected ${expected}`)
    }
    if (dataOffset + offset + bytes > cursor.sizeBytes) {
      throw cursor.invalid(
        `the data of tensor "${name}" (${bytes} bytes) ends beyond the file's ${cursor.sizeBytes}`,
      )
    }
    expected += Math.ceil(bytes / alignment) * alignment
  }
}

/**
 * Reads GGUF metadata values. Scalars and strings are decoded at once; arrays are only walked over
 * (a vocabulary has a quarter of a million strings) and fetched by `readArray` when asked for.
 */

import { FileCursor } from './cursor.js'
import { withFile } from './file.js'
import { GGUF_LIMITS } from './limits.js'
import type { GgufArray, GgufScalar, GgufValue, ScalarType } from './types.js'
import { ARRAY_TYPE_ID, SCALAR_TYPES, scalarTypeOf } from './types.js'

const LENGTH_BYTES = 8

/** Reads the type and value that follow a key. `cursor.what` names the key. */
export function readValue(cursor: FileCursor): GgufValue {
  const id = cursor.u32()
  if (id === ARRAY_TYPE_ID) return readArrayHeader(cursor)
  const type = scalarTypeOf(id)
  if (type === undefined) throw cursor.invalid(`${cursor.what} has the unknown value type ${id}`)
  return { type, value: readScalar(cursor, type) }
}

/** The elements of an array of the header, read from its file. */
export function readArray(array: GgufArray): GgufScalar[] {
  return withFile(array.path, (file) => {
    const cursor = new FileCursor(file, array.offset)
    const values: GgufScalar[] = []
    for (let i = 0; i < array.length; i++) values.push(readScalar(cursor, array.of))
    return values
  })
}

export function readString(cursor: FileCursor, maxBytes: number = GGUF_LIMITS.stringBytes): string {
  return cursor.bytes(stringLength(cursor, maxBytes)).toString('utf8')
}

function stringLength(cursor: FileCursor, maxBytes: number): number {
  const length = cursor.size()
  if (length > cursor.remainingBytes) {
    throw cursor.invalid(`${cursor.what} states a string of ${length} bytes, beyond the file's end`)
  }
  if (length > maxBytes) {
    throw cursor.limit(`${cursor.what} has a string of ${length} bytes, more than ${maxBytes}`)
  }
  return length
}

function readArrayHeader(cursor: FileCursor): GgufArray {
  const id = cursor.u32()
  if (id === ARRAY_TYPE_ID) throw cursor.invalid(`${cursor.what} is an array of arrays`)
  const of = scalarTypeOf(id)
  if (of === undefined) throw cursor.invalid(`${cursor.what} has the unknown element type ${id}`)
  const length = cursor.size()
  checkArrayLength(cursor, { of, length })
  const offset = cursor.position
  skipElements(cursor, { of, length })
  return { type: 'array', of, length, path: cursor.path, offset }
}

type ArrayShape = { of: ScalarType; length: number }

function checkArrayLength(cursor: FileCursor, { of, length }: ArrayShape): void {
  const elementBytes = SCALAR_TYPES[of].bytes || LENGTH_BYTES
  if (length > cursor.remainingBytes / elementBytes) {
    throw cursor.invalid(`${cursor.what} states ${length} elements, beyond the file's end`)
  }
  if (length > GGUF_LIMITS.arrayElements) {
    throw cursor.limit(
      `${cursor.what} has ${length} elements, more than ${GGUF_LIMITS.arrayElements}`,
    )
  }
}

function skipElements(cursor: FileCursor, { of, length }: ArrayShape): void {
  if (of !== 'str') {
    cursor.skip(length * SCALAR_TYPES[of].bytes)
    return
  }
  for (let i = 0; i < length; i++) {
    cursor.skip(stringLength(cursor, GGUF_LIMITS.stringBytes))
  }
}

function readScalar(cursor: FileCursor, type: ScalarType): GgufScalar {
  switch (type) {
    case 'u8':
      return cursor.u8()
    case 'i8':
      return (cursor.u8() << 24) >> 24
    case 'u16':
      return cursor.u16()
    case 'i16':
      return (cursor.u16() << 16) >> 16
    case 'u32':
      return cursor.u32()
    case 'i32':
      return cursor.u32() | 0
    case 'f32':
      return cursor.bytes(4).readFloatLE(0)
    case 'bool':
      return cursor.u8() !== 0
    case 'str':
      return readString(cursor)
    case 'u64':
      return exact(cursor.u64())
    case 'i64':
      return exact(BigInt.asIntN(64, cursor.u64()))
    case 'f64':
      return cursor.bytes(8).readDoubleLE(0)
  }
}

function exact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

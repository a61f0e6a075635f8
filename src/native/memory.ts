/**
 * Native memory as seen from TypeScript: addresses are bigints (0n is NULL), buffers are views.
 * Knows nothing of what lies at an address.
 */
import koffi from 'koffi'
import { assert } from '../base/assert.js'

export type Pointer = bigint

export const NULL: Pointer = 0n

/** Memory that native code and TypeScript both see; lives until the process ends. */
export type NativeBuffer = {
  readonly address: Pointer
  readonly bytes: Uint8Array
  readonly view: DataView
  /** The same memory as numbers, for loops that must not allocate. */
  readonly u16: Uint16Array
  readonly i32: Int32Array
  readonly f32: Float32Array
}

/** Zeroed native memory, aligned to 64 bytes. */
export function allocateNative(bytes: number): NativeBuffer {
  assert(Number.isSafeInteger(bytes) && bytes > 0, `native buffer of ${bytes} bytes`)
  const raw = koffi.address(koffi.alloc('uint8_t', bytes + 64))
  const address = (raw + 63n) & ~63n
  const buffer = wrapNative(address, bytes)
  buffer.bytes.fill(0)
  return buffer
}

/**
 * Zeroed memory of the JavaScript heap, aligned to 64 bytes, that goes when nobody refers to it any
 * more. Native code may use it only while somebody does.
 */
export function allocateCollected(bytes: number): NativeBuffer {
  assert(Number.isSafeInteger(bytes) && bytes > 0, `buffer of ${bytes} bytes`)
  const whole = new ArrayBuffer(bytes + 64)
  const start = Number(-koffi.address(new Uint8Array(whole)) & 63n)
  return nativeViews(new Uint8Array(whole, start, bytes))
}

/** Views of native memory somebody else owns; valid only as long as they keep it. */
export function wrapNative(address: Pointer, bytes: number): NativeBuffer {
  const memory = koffi.view(address, bytes)
  const numbers = bytes >> 2
  return {
    address,
    bytes: new Uint8Array(memory),
    view: new DataView(memory),
    u16: new Uint16Array(memory, 0, bytes >> 1),
    i32: new Int32Array(memory, 0, numbers),
    f32: new Float32Array(memory, 0, numbers),
  }
}

/** Memory of JavaScript as native code sees it; it must stay reachable as long as that is used. */
export function nativeViews(bytes: Uint8Array): NativeBuffer {
  const { buffer, byteOffset, length } = bytes
  return {
    address: koffi.address(bytes),
    bytes,
    view: new DataView(buffer, byteOffset, length),
    u16: new Uint16Array(buffer, byteOffset, length >> 1),
    i32: new Int32Array(buffer, byteOffset, length >> 2),
    f32: new Float32Array(buffer, byteOffset, length >> 2),
  }
}

/**
 * A view of native memory somebody else owns; valid only as long as they keep it. Each takes some
 * 200 bytes that come back only when the event loop turns, which that of a card never does: not for
 * what happens again and again.
 */
export function viewNative(address: Pointer, bytes: number): Uint8Array {
  return new Uint8Array(koffi.view(address, bytes))
}

/** A copy of native memory somebody else owns. */
export function readNative(address: Pointer, bytes: number): Uint8Array {
  return koffi.decode(address, 'uint8_t', bytes) as Uint8Array
}

/** A C string in memory that is never freed, for names that native code keeps. */
export function nativeString(text: string): Pointer {
  const encoded = new TextEncoder().encode(`${text}\0`)
  const buffer = allocateNative(encoded.length)
  buffer.bytes.set(encoded)
  return buffer.address
}

/** The C string at an address; empty for NULL. */
export function readString(address: Pointer | null): string {
  if (address === null || address === NULL) return ''
  return koffi.decode(address, 'char', -1) as string
}

/** A pointer as koffi gives it, where null stands for NULL. */
export function pointer(value: Pointer | null): Pointer {
  return value ?? NULL
}

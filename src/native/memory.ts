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
}

/** Zeroed native memory, aligned to 64 bytes. */
export function allocateNative(bytes: number): NativeBuffer {
  assert(Number.isSafeInteger(bytes) && bytes > 0, `native buffer of ${bytes} bytes`)
  const raw = koffi.address(koffi.alloc('uint8_t', bytes + 64))
  const address = (raw + 63n) & ~63n
  const memory = koffi.view(address, bytes)
  const buffer = { address, bytes: new Uint8Array(memory), view: new DataView(memory) }
  buffer.bytes.fill(0)
  return buffer
}

/** A view of native memory somebody else owns; valid only as long as they keep it. */
export function viewNative(address: Pointer, bytes: number): Uint8Array {
  return new Uint8Array(koffi.view(address, bytes))
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

/** Memory for frames under way, used again from seed to seed; what is left in it is poisoned. */
import { type NativeBuffer, nativeViews } from '../../src/native/memory.js'

const BYTES_MIN = 512
const POISON = 0xa5
/** Of memory nobody uses. */
const IDLE_MAX = 4096

const idle = new Map<number, NativeBuffer[]>()

export function takeFrame(bytes: number): NativeBuffer {
  let size = BYTES_MIN
  while (size < bytes) size *= 2
  const buffer = idle.get(size)?.pop() ?? nativeViews(new Uint8Array(new ArrayBuffer(size)))
  buffer.bytes.fill(POISON, 0, bytes)
  return buffer
}

export function copyFrame(source: NativeBuffer, bytes: number): NativeBuffer {
  const buffer = takeFrame(bytes)
  buffer.bytes.set(source.bytes.length === bytes ? source.bytes : source.bytes.subarray(0, bytes))
  return buffer
}

export function giveFrame(buffer: NativeBuffer): void {
  const size = buffer.bytes.length
  const list = idle.get(size)
  if (list === undefined) idle.set(size, [buffer])
  else if (list.length < IDLE_MAX) list.push(buffer)
}

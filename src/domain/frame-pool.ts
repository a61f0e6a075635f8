/** Memory for frames that is used again, since dispatches come once per layer of every token. */
import { type NativeBuffer, nativeViews } from '../native/memory.js'

/** Of memory nobody uses; what is beyond goes back to the system. */
const IDLE_BYTES_MAX = 64 << 20
const BYTES_MIN = 1 << 12

export class FramePool {
  /** By size, a power of two. */
  readonly #idle = new Map<number, NativeBuffer[]>()
  #idleBytes = 0

  /** At least so many bytes, with anything in them. */
  take(bytes: number): NativeBuffer {
    const size = Math.max(BYTES_MIN, 2 ** Math.ceil(Math.log2(bytes)))
    const buffer = this.#idle.get(size)?.pop()
    if (buffer === undefined) return nativeViews(new Uint8Array(new ArrayBuffer(size)))
    this.#idleBytes -= size
    return buffer
  }

  giveBack(buffer: NativeBuffer): void {
    const size = buffer.bytes.length
    if (this.#idleBytes + size > IDLE_BYTES_MAX) return
    const idle = this.#idle.get(size)
    if (idle === undefined) this.#idle.set(size, [buffer])
    else idle.push(buffer)
    this.#idleBytes += size
  }
}

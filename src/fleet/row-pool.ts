/** Native memory for the rows of answers, used again from step to step. Knows nothing of steps. */
import { allocateNative, type NativeBuffer } from '../native/memory.js'

const FLOAT_BYTES = 4
const BYTES_FIRST = 1 << 14

export class RowPool {
  readonly #buffers: NativeBuffer[] = []
  #used = 0

  /** Everything that was taken may be given out again. */
  reset(): void {
    this.#used = 0
  }

  /** Room for so many floats, not zeroed. */
  take(floats: number): NativeBuffer {
    const bytes = Math.max(BYTES_FIRST, floats * FLOAT_BYTES)
    const known = this.#buffers[this.#used]
    const buffer =
      known !== undefined && known.bytes.length >= bytes
        ? known
        : allocateNative(bytes + (bytes >> 2))
    this.#buffers[this.#used++] = buffer
    return buffer
  }
}

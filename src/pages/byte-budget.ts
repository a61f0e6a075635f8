/** Bounds the bytes in flight: whoever wants more waits in line. Knows nothing of pages. */
import { assert } from '../base/assert.js'

type Waiter = { readonly bytes: number; readonly wake: () => void }

export class ByteBudget {
  readonly #bytesMax: number
  readonly #waiters: Waiter[] = []
  #bytes = 0

  constructor(bytesMax: number) {
    assert(bytesMax > 0, 'a budget of nothing')
    this.#bytesMax = bytesMax
  }

  /**
   * Resolves when there is room, with the function that gives it back. What is larger than the
   * whole budget waits until it is alone.
   * @throws the reason of `signal`
   */
  async take(bytes: number, signal: AbortSignal): Promise<() => void> {
    const taken = Math.min(bytes, this.#bytesMax)
    signal.throwIfAborted()
    if (this.#waiters.length > 0 || !this.#fits(taken)) await this.#wait(taken, signal)
    else this.#bytes += taken
    return () => {
      this.#bytes -= taken
      this.#wakeNext()
    }
  }

  #fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        reject(signal.reason)
        this.#wakeNext()
      }
      const waiter: Waiter = {
        bytes,
        wake: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      this.#waiters.push(waiter)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** In the order of their coming, so that large ones are not passed over for ever. */
  #wakeNext(): void {
    for (let next = this.#waiters[0]; next !== undefined; next = this.#waiters[0]) {
      if (!this.#fits(next.bytes)) return
      this.#waiters.shift()
      this.#bytes += next.bytes
      next.wake()
    }
  }
}

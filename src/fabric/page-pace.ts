/**
 * Keeps serving pages from taking more than its part: of memory, by the bytes that are read and not
 * yet sent, and of the link, by a rate. Knows nothing of pages.
 */
import { assert } from '../base/assert.js'

export type PagePaceOptions = {
  /** Infinity: as fast as the link takes it. */
  readonly bytesPerSecond: number
  /** Read and not yet sent, over all connections. */
  readonly bytesInFlightMax: number
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
}

type Waiter = { readonly bytes: number; readonly wake: () => void }

export class PagePace {
  readonly #options: PagePaceOptions
  /** In the order of their coming: whoever asks for much waits behind whoever asks for little. */
  readonly #waiters: Waiter[] = []
  #bytesInFlight = 0
  /** When the rate allows the next byte. */
  #freeAtMs = 0

  constructor(options: PagePaceOptions) {
    assert(options.bytesPerSecond > 0 && options.bytesInFlightMax > 0, 'a pace of nothing')
    this.#options = options
  }

  /** Resolves when so many bytes may be read; to be given back with `done` when they are sent. */
  async take(bytes: number): Promise<void> {
    if (this.#waiters.length > 0 || !this.#fits(bytes)) await this.#wait(bytes)
    else this.#bytesInFlight += bytes
    const { bytesPerSecond, now, sleep } = this.#options
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return
    const startMs = Math.max(now(), this.#freeAtMs)
    this.#freeAtMs = startMs + (1000 * bytes) / bytesPerSecond
    if (startMs > now()) await sleep(startMs - now())
  }

  done(bytes: number): void {
    this.#bytesInFlight -= bytes
    assert(this.#bytesInFlight >= 0, 'more bytes were sent than read')
    for (let next = this.#waiters[0]; next !== undefined; next = this.#waiters[0]) {
      if (!this.#fits(next.bytes)) return
      this.#waiters.shift()
      this.#bytesInFlight += next.bytes
      next.wake()
    }
  }

  #fits(bytes: number): boolean {
    return (
      this.#bytesInFlight === 0 || this.#bytesInFlight + bytes <= this.#options.bytesInFlightMax
    )
  }

  #wait(bytes: number): Promise<void> {
    return new Promise((wake) => this.#waiters.push({ bytes, wake }))
  }
}

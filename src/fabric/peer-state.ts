/**
 * What the fabric thread tells the main thread of a peer while that is busy and reads no messages:
 * three numbers in shared memory. Knows nothing of sockets.
 */

const ENDED = 0
const HEARTBEATS = 1
const ROUND_TRIP_US = 2
const NUMBERS = 3

export class PeerState {
  readonly memory: SharedArrayBuffer
  readonly #numbers: Int32Array

  constructor(memory = new SharedArrayBuffer(4 * NUMBERS)) {
    this.memory = memory
    this.#numbers = new Int32Array(memory)
  }

  get isEnded(): boolean {
    return Atomics.load(this.#numbers, ENDED) === 1
  }

  /** Answers to heartbeats so far. */
  get heartbeats(): number {
    return Atomics.load(this.#numbers, HEARTBEATS)
  }

  /** The smallest of the last ones; undefined before the first. */
  get roundTripUs(): number | undefined {
    return this.heartbeats === 0 ? undefined : Atomics.load(this.#numbers, ROUND_TRIP_US)
  }

  noteRoundTrip(roundTripUs: number): void {
    Atomics.store(this.#numbers, ROUND_TRIP_US, Math.round(roundTripUs))
    Atomics.add(this.#numbers, HEARTBEATS, 1)
  }

  end(): void {
    Atomics.store(this.#numbers, ENDED, 1)
  }
}

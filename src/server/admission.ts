/**
 * How many sequences may be with the engine at once, waiting or running. Pure counting; knows
 * nothing of who asks.
 */
import { assert } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'

export class Admission {
  readonly #capacity: number
  #held = 0

  /** `capacity`: sequences that run plus sequences that may wait. */
  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, 'capacity must be a positive integer')
    this.#capacity = capacity
  }

  get capacity(): number {
    return this.#capacity
  }

  get held(): number {
    return this.#held
  }

  /** Takes `places` or throws QUEUE_FULL. */
  acquire(places: number): void {
    assert(Number.isInteger(places) && places > 0, 'places must be a positive integer')
    if (this.#held + places > this.#capacity) {
      const text = `the queue is full: ${this.#held} of ${this.#capacity} places are taken`
      throw new SputnikError('QUEUE_FULL', `${text} and this request needs ${places}`)
    }
    this.#held += places
  }

  release(places: number): void {
    assert(places >= 0 && places <= this.#held, 'more places released than held')
    this.#held -= places
  }
}

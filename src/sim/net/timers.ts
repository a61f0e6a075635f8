/**
 * Timers that are set again far more often than they run out, as time-outs are: setting one later
 * only notes the new time, and the event already under way is renewed when it comes.
 */
import { grownFloat64 } from './columns.js'
import type { Events } from './events.js'

const NEVER = Number.POSITIVE_INFINITY
const FIRST_CAPACITY = 64

export class Timers {
  readonly #events: Events
  readonly #kind: number
  #duePs = new Float64Array(FIRST_CAPACITY).fill(NEVER)
  /** The event that counts; others of the timer are stale. */
  #eventPs = new Float64Array(FIRST_CAPACITY).fill(NEVER)

  constructor(events: Events, kind: number) {
    this.#events = events
    this.#kind = kind
  }

  set(timer: number, atPs: number): void {
    while (timer >= this.#duePs.length) this.#grow()
    this.#duePs[timer] = atPs
    if (atPs < (this.#eventPs[timer] ?? NEVER)) this.#announce(timer, atPs)
  }

  cancel(timer: number): void {
    if (timer < this.#duePs.length) this.#duePs[timer] = NEVER
  }

  isSet(timer: number): boolean {
    return (this.#duePs[timer] ?? NEVER) !== NEVER
  }

  /** An event of the timer came: whether it ran out. */
  isDue(timer: number): boolean {
    const { nowPs } = this.#events
    if (this.#eventPs[timer] !== nowPs) return false
    this.#eventPs[timer] = NEVER
    const duePs = this.#duePs[timer] ?? NEVER
    if (duePs === NEVER) return false
    if (duePs > nowPs) {
      this.#announce(timer, duePs)
      return false
    }
    this.#duePs[timer] = NEVER
    return true
  }

  #announce(timer: number, atPs: number): void {
    this.#eventPs[timer] = atPs
    this.#events.at(atPs, this.#kind, timer)
  }

  #grow(): void {
    const length = this.#duePs.length * 2
    this.#duePs = grownFloat64(this.#duePs, length, NEVER)
    this.#eventPs = grownFloat64(this.#eventPs, length, NEVER)
  }
}

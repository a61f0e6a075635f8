/**
 * The clock of a simulation: what is to happen, in order, and a hash over all that has happened, by
 * which two runs can be told to be the same. Knows nothing of what events mean.
 */
import { assert } from '../../base/assert.js'
import { EventHash } from '../event-hash.js'
import type { EventQueue } from './event-queue.js'

export const EVENT = {
  /** Of a packet: its last bit is at the end of the link. */
  arrive: 0,
  /** Of a port: the last bit of a packet has left, and others wait. */
  portFree: 1,
  flowTimer: 2,
  hostTimer: 3,
  /** Of a flow. */
  start: 4,
  /** Of a port: the switch it leads to says so. */
  pause: 5,
  resume: 6,
  sample: 7,
} as const

const KIND_BITS = 3
const KIND_MASK = (1 << KIND_BITS) - 1

export class Events {
  readonly #queue: EventQueue
  nowPs = 0
  /** What the event that `next` took is about. */
  kind = 0
  subject = 0
  readonly #hash = new EventHash()
  #count = 0

  constructor(queue: EventQueue) {
    this.#queue = queue
  }

  get waiting(): number {
    return this.#queue.size
  }

  get count(): number {
    return this.#count
  }

  /** Over the time, kind and subject of every event. */
  get hash(): string {
    return this.#hash.text
  }

  at(timePs: number, kind: number, subject: number): void {
    this.#queue.push(timePs, (subject << KIND_BITS) | kind)
  }

  /** Moves the clock to the next event, unless that is after `untilPs`: then to that. */
  next(untilPs: number): boolean {
    const timePs = this.#queue.nextPs()
    if (timePs > untilPs) {
      if (untilPs !== Number.POSITIVE_INFINITY && untilPs > this.nowPs) this.nowPs = untilPs
      return false
    }
    if (timePs === Number.POSITIVE_INFINITY) return false
    assert(timePs >= this.nowPs, 'time never goes back')
    const code = this.#queue.pop()
    this.nowPs = timePs
    this.kind = code & KIND_MASK
    this.subject = code >> KIND_BITS
    this.#count++
    this.#hash.note(this.kind, timePs, this.subject)
    return true
  }
}

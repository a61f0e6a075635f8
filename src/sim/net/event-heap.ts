/**
 * A 4-ary heap of events in typed arrays, ordered by time and then by order of arrival: half as
 * deep as a binary one, and the four children of a node lie side by side in memory (Johnson 1975).
 */
import { grownFloat64, grownInt32 } from './columns.js'
import type { EventQueue } from './event-queue.js'

const FIRST_CAPACITY = 64

export class EventHeap {
  #size = 0
  #times = new Float64Array(FIRST_CAPACITY)
  #orders = new Float64Array(FIRST_CAPACITY)
  #codes = new Int32Array(FIRST_CAPACITY)

  get size(): number {
    return this.#size
  }

  /** Of the first event, as `firstOrder` and `firstCode`; only while there is one. */
  get firstPs(): number {
    return this.#times[0] ?? 0
  }

  get firstOrder(): number {
    return this.#orders[0] ?? 0
  }

  get firstCode(): number {
    return this.#codes[0] ?? 0
  }

  push(timePs: number, order: number, code: number): void {
    if (this.#size === this.#times.length) this.#grow()
    const times = this.#times
    const orders = this.#orders
    const codes = this.#codes
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 2
      const parentPs = times[parent] ?? 0
      if (parentPs < timePs || (parentPs === timePs && (orders[parent] ?? 0) < order)) break
      times[at] = parentPs
      orders[at] = orders[parent] ?? 0
      codes[at] = codes[parent] ?? 0
      at = parent
    }
    times[at] = timePs
    orders[at] = order
    codes[at] = code
  }

  /** Drops the first event. */
  shift(): void {
    const times = this.#times
    const orders = this.#orders
    const codes = this.#codes
    const size = --this.#size
    if (size === 0) return
    const timePs = times[size] ?? 0
    const order = orders[size] ?? 0
    const code = codes[size] ?? 0
    let at = 0
    for (;;) {
      const first = 4 * at + 1
      if (first >= size) break
      let least = first
      let leastPs = times[first] ?? 0
      const end = Math.min(first + 4, size)
      for (let child = first + 1; child < end; child++) {
        const childPs = times[child] ?? 0
        const isEarlier =
          childPs < leastPs || (childPs === leastPs && (orders[child] ?? 0) < (orders[least] ?? 0))
        if (!isEarlier) continue
        least = child
        leastPs = childPs
      }
      if (timePs < leastPs || (timePs === leastPs && order < (orders[least] ?? 0))) break
      times[at] = leastPs
      orders[at] = orders[least] ?? 0
      codes[at] = codes[least] ?? 0
      at = least
    }
    times[at] = timePs
    orders[at] = order
    codes[at] = code
  }

  #grow(): void {
    const capacity = this.#times.length * 2
    this.#times = grownFloat64(this.#times, capacity)
    this.#orders = grownFloat64(this.#orders, capacity)
    this.#codes = grownInt32(this.#codes, capacity)
  }
}

/** The heap alone as a queue. */
export class HeapQueue implements EventQueue {
  readonly #heap = new EventHeap()
  #pushed = 0

  get size(): number {
    return this.#heap.size
  }

  push(timePs: number, code: number): void {
    this.#heap.push(timePs, this.#pushed++, code)
  }

  nextPs(): number {
    return this.#heap.size === 0 ? Number.POSITIVE_INFINITY : this.#heap.firstPs
  }

  pop(): number {
    const code = this.#heap.firstCode
    this.#heap.shift()
    return code
  }
}

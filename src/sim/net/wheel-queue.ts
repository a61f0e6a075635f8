/**
 * A timing wheel of two levels (Varghese and Lauck, SOSP 1987): events of the next tens of
 * microseconds hang unsorted in the slot of their time, later ones wait in a heap. When the wheel
 * turns to a slot its few events go through a small heap, so the order is exact. Which slots are in
 * use is kept in a bitmap, so that empty ones cost nothing.
 */
import { assert } from '../../base/assert.js'
import { grownFloat64, grownInt32 } from './columns.js'
import { EventHeap } from './event-heap.js'
import type { EventQueue } from './event-queue.js'
import { SlotSet } from './slot-set.js'

const FIRST_CAPACITY = 1024
const NONE = -1

export type WheelOptions = {
  /** A power of two: the time of one slot. */
  readonly slotPs?: number
  /** A power of two, at least 1024. */
  readonly slots?: number
}

export class WheelQueue implements EventQueue {
  readonly #ticksPerPs: number
  readonly #slots: number
  readonly #mask: number
  readonly #heads: Int32Array
  readonly #inUse: SlotSet
  /** Events of the tick the wheel stands at, or before it. */
  readonly #near = new EventHeap()
  /** Events a whole turn of the wheel away, or more. */
  readonly #far = new EventHeap()
  #tick = 0
  /** The slot of that tick; kept beside it since ticks outgrow 32 bits. */
  #here = 0
  #pushed = 0
  #size = 0

  /** Events in slots, chained. */
  #times = new Float64Array(FIRST_CAPACITY)
  #orders = new Float64Array(FIRST_CAPACITY)
  #codes = new Int32Array(FIRST_CAPACITY)
  #nexts = new Int32Array(FIRST_CAPACITY)
  #used = 0
  #free = NONE

  constructor({ slotPs = 1024, slots = 65_536 }: WheelOptions = {}) {
    assert(Number.isInteger(Math.log2(slotPs)), 'a slot lasts a power of two')
    assert(Number.isInteger(Math.log2(slots)) && slots >= 1024, 'slots are a power of two')
    this.#ticksPerPs = 1 / slotPs
    this.#slots = slots
    this.#mask = slots - 1
    this.#heads = new Int32Array(slots).fill(NONE)
    this.#inUse = new SlotSet(slots)
  }

  get size(): number {
    return this.#size
  }

  push(timePs: number, code: number): void {
    this.#size++
    this.#place(timePs, this.#pushed++, code)
  }

  nextPs(): number {
    if (this.#near.size === 0 && !this.#turn()) return Number.POSITIVE_INFINITY
    return this.#near.firstPs
  }

  pop(): number {
    if (this.#near.size === 0) this.#turn()
    const code = this.#near.firstCode
    this.#near.shift()
    this.#size--
    return code
  }

  #place(timePs: number, order: number, code: number): void {
    const ahead = Math.floor(timePs * this.#ticksPerPs) - this.#tick
    if (ahead <= 0) this.#near.push(timePs, order, code)
    else if (ahead >= this.#slots) this.#far.push(timePs, order, code)
    else this.#hang((this.#here + ahead) & this.#mask, this.#node(timePs, order, code))
  }

  #node(timePs: number, order: number, code: number): number {
    let node = this.#free
    if (node !== NONE) this.#free = this.#nexts[node] ?? NONE
    else {
      if (this.#used === this.#times.length) this.#grow()
      node = this.#used++
    }
    this.#times[node] = timePs
    this.#orders[node] = order
    this.#codes[node] = code
    return node
  }

  #hang(slot: number, node: number): void {
    const head = this.#heads[slot] ?? NONE
    if (head === NONE) this.#inUse.add(slot)
    this.#nexts[node] = head
    this.#heads[slot] = node
  }

  /** To the next slot in use, whose events become near; false when there are none at all. */
  #turn(): boolean {
    if (this.#size === 0) return false
    const slot = this.#inUse.from(this.#here)
    if (slot === NONE) this.#tick = Math.floor(this.#far.firstPs * this.#ticksPerPs)
    else this.#tick += (slot - this.#here) & this.#mask
    this.#here = slot === NONE ? this.#tick % this.#slots : slot
    this.#bringCloser()
    if (slot !== NONE) this.#empty(slot)
    return true
  }

  /** What was far and now is within a turn. */
  #bringCloser(): void {
    const far = this.#far
    const endPs = (this.#tick + this.#slots) / this.#ticksPerPs
    while (far.size > 0 && far.firstPs < endPs) {
      this.#place(far.firstPs, far.firstOrder, far.firstCode)
      far.shift()
    }
  }

  #empty(slot: number): void {
    let node = this.#heads[slot] ?? NONE
    this.#heads[slot] = NONE
    this.#inUse.delete(slot)
    while (node !== NONE) {
      this.#near.push(this.#times[node] ?? 0, this.#orders[node] ?? 0, this.#codes[node] ?? 0)
      const next = this.#nexts[node] ?? NONE
      this.#nexts[node] = this.#free
      this.#free = node
      node = next
    }
  }

  #grow(): void {
    const capacity = this.#times.length * 2
    this.#times = grownFloat64(this.#times, capacity)
    this.#orders = grownFloat64(this.#orders, capacity)
    this.#codes = grownInt32(this.#codes, capacity)
    this.#nexts = grownInt32(this.#nexts, capacity)
  }
}

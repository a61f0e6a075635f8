/**
 * The second level of the page table: in which slot of a card an expert of a region lies, and which
 * slots are free. Knows nothing of bytes and of other cards.
 */
import { assert } from '../base/assert.js'

const ABSENT = -1

export class PageTable {
  /** Slots there are, in use or not. */
  readonly capacity: number
  /** By expert. */
  readonly #slots: Int16Array
  /** By slot. */
  readonly #experts: Int16Array
  /** The next to be taken comes last. */
  readonly #free: number[]
  #size = 0

  constructor(expertCount: number, capacity = expertCount) {
    this.capacity = capacity
    this.#slots = new Int16Array(expertCount).fill(ABSENT)
    this.#experts = new Int16Array(capacity).fill(ABSENT)
    this.#free = Array.from({ length: capacity }, (_, index) => capacity - 1 - index)
  }

  /** Experts that are mapped. */
  get size(): number {
    return this.#size
  }

  /** Slots that can be taken. */
  get free(): number {
    return this.#free.length
  }

  /** A free slot for a page whose bytes are not in place yet; to be mapped or given back. */
  take(): number {
    const slot = this.#free.pop()
    assert(slot !== undefined, 'no slot is free')
    return slot
  }

  /** Gives back a slot that was taken and not mapped. */
  giveBack(slot: number): void {
    assert(this.#experts[slot] === ABSENT, `slot ${slot} holds a page or does not exist`)
    this.#free.push(slot)
  }

  /** Gives an expert a slot that was taken, or the next free one. */
  map(expert: number, taken?: number): number {
    assert(this.#slots[expert] === ABSENT, `expert ${expert} is mapped twice or does not exist`)
    const slot = taken ?? this.take()
    assert(this.#experts[slot] === ABSENT, `slot ${slot} holds a page or does not exist`)
    this.#slots[expert] = slot
    this.#experts[slot] = expert
    this.#size++
    return slot
  }

  /** Frees the expert's slot and says which it was. */
  unmap(expert: number): number {
    const slot = this.slotOf(expert)
    assert(slot !== ABSENT, `expert ${expert} is not mapped`)
    this.#slots[expert] = ABSENT
    this.#experts[slot] = ABSENT
    this.#size--
    this.#free.push(slot)
    return slot
  }

  /** The expert's slot; -1 when it is not here. */
  slotOf(expert: number): number {
    return this.#slots[expert] ?? ABSENT
  }

  /** The slot's expert; -1 when it is free or does not exist. */
  expertOf(slot: number): number {
    return this.#experts[slot] ?? ABSENT
  }
}

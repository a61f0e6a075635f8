/**
 * The second level of the page table: in which slot of a card an expert of a region lies. Knows
 * nothing of bytes and of other cards.
 */
import { assert } from '../base/assert.js'

const ABSENT = -1

export class PageTable {
  readonly #slots: Int16Array
  readonly #experts: number[] = []

  constructor(expertCount: number) {
    this.#slots = new Int16Array(expertCount).fill(ABSENT)
  }

  /** Slots in use. */
  get size(): number {
    return this.#experts.length
  }

  /** Gives an expert the next free slot. */
  map(expert: number): number {
    assert(this.#slots[expert] === ABSENT, `expert ${expert} is mapped twice or does not exist`)
    const slot = this.#experts.length
    this.#slots[expert] = slot
    this.#experts.push(expert)
    return slot
  }

  /** The expert's slot; -1 when it is not here. */
  slotOf(expert: number): number {
    return this.#slots[expert] ?? ABSENT
  }
}

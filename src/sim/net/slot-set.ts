/** Which slots of a ring are in use: a bit each, and a bit for each 32 of those. */

export class SlotSet {
  readonly #words: Int32Array
  readonly #summary: Int32Array
  readonly #slots: number

  /** @param slots a multiple of 1024 */
  constructor(slots: number) {
    this.#slots = slots
    this.#words = new Int32Array(slots >> 5)
    this.#summary = new Int32Array(slots >> 10)
  }

  add(slot: number): void {
    const word = slot >> 5
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (slot & 31))
    this.#summary[word >> 5] = (this.#summary[word >> 5] ?? 0) | (1 << (word & 31))
  }

  delete(slot: number): void {
    const word = slot >> 5
    const rest = (this.#words[word] ?? 0) & ~(1 << (slot & 31))
    this.#words[word] = rest
    if (rest !== 0) return
    this.#summary[word >> 5] = (this.#summary[word >> 5] ?? 0) & ~(1 << (word & 31))
  }

  /** The first slot in use from `slot` on, round the ring; -1 when there is none. */
  from(slot: number): number {
    const ahead = this.#upFrom(slot)
    return ahead >= 0 ? ahead : this.#upFrom(0)
  }

  #upFrom(slot: number): number {
    const word = slot >> 5
    const rest = (this.#words[word] ?? 0) & (-1 << (slot & 31))
    if (rest !== 0) return (word << 5) + lowestBit(rest)
    const next = this.#wordFrom(word + 1)
    return next < 0 ? -1 : (next << 5) + lowestBit(this.#words[next] ?? 0)
  }

  #wordFrom(word: number): number {
    if (word << 5 >= this.#slots) return -1
    let at = word >> 5
    let rest = (this.#summary[at] ?? 0) & (-1 << (word & 31))
    while (rest === 0) {
      at++
      if (at === this.#summary.length) return -1
      rest = this.#summary[at] ?? 0
    }
    return (at << 5) + lowestBit(rest)
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word)
}

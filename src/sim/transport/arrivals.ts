/**
 * Which packets of a flow have arrived, in room for those only that came before an earlier one.
 * Knows nothing of acknowledgements.
 */

export class Arrivals {
  readonly #early = new Set<number>()
  #next = 0

  /** All before this one have arrived. */
  get next(): number {
    return this.#next
  }

  /** Notes an arrival; false when it had come before. */
  take(sequence: number): boolean {
    if (sequence < this.#next || this.#early.has(sequence)) return false
    if (sequence !== this.#next) {
      this.#early.add(sequence)
      return true
    }
    this.#next++
    while (this.#early.size > 0 && this.#early.delete(this.#next)) this.#next++
    return true
  }
}

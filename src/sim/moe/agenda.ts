/**
 * What is planned for later, in the order of its time; of one time, in the order it was planned.
 * Time is counted as those who plan do.
 */

type Entry = { readonly at: number; readonly act: () => void }

export class Agenda {
  /** Latest first. */
  readonly #entries: Entry[] = []

  get count(): number {
    return this.#entries.length
  }

  /** Infinity when nothing is planned. */
  get next(): number {
    return this.#entries.at(-1)?.at ?? Number.POSITIVE_INFINITY
  }

  add(at: number, act: () => void): void {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle]?.at ?? 0) > at) low = middle + 1
      else high = middle
    }
    this.#entries.splice(low, 0, { at, act })
  }

  /** Does all that is due, and what that plans for the same time. */
  take(now: number): void {
    while (this.next <= now) this.#entries.pop()?.act()
  }
}

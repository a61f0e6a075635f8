/** Events in the order of their time, those of one time in the order they were made. */

type Event = { readonly at: number; readonly order: number; readonly act: () => void }

export class EventQueue {
  readonly #heap: Event[] = []
  #order = 0
  nowNs = 0

  after(delayNs: number, act: () => void): void {
    this.#heap.push({ at: this.nowNs + delayNs, order: this.#order++, act })
    let child = this.#heap.length - 1
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (!this.#isBefore(child, parent)) return
      this.#swap(child, parent)
      child = parent
    }
  }

  /** Runs until `isDone` or nothing is left; false in the second case. */
  run(isDone: () => boolean): boolean {
    while (!isDone()) {
      const event = this.#next()
      if (event === undefined) return false
      this.nowNs = event.at
      event.act()
    }
    return true
  }

  /** Runs the next event if it is due by then; otherwise that time has come. */
  turn(untilNs: number): boolean {
    const [first] = this.#heap
    if (first === undefined || first.at > untilNs) {
      this.nowNs = Math.max(this.nowNs, untilNs)
      return false
    }
    this.#next()
    this.nowNs = first.at
    first.act()
    return true
  }

  #next(): Event | undefined {
    const [first] = this.#heap
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return first
    this.#heap[0] = last
    this.#sink()
    return first
  }

  #sink(): void {
    let parent = 0
    for (;;) {
      const left = 2 * parent + 1
      if (left >= this.#heap.length) return
      const right = left + 1
      const least = right < this.#heap.length && this.#isBefore(right, left) ? right : left
      if (!this.#isBefore(least, parent)) return
      this.#swap(least, parent)
      parent = least
    }
  }

  #isBefore(one: number, other: number): boolean {
    const a = this.#heap[one]
    const b = this.#heap[other]
    if (a === undefined || b === undefined) return false
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  #swap(one: number, other: number): void {
    const a = this.#heap[one]
    const b = this.#heap[other]
    if (a === undefined || b === undefined) return
    this.#heap[one] = b
    this.#heap[other] = a
  }
}

/**
 * How long a domain that is to end waits for its pages to move away: as long as they do. Knows
 * nothing of where they go.
 */

/** A page of the largest models takes less, also from a slow disk. */
const STALL_MS = 5_000

export class Leaving {
  #pages: number
  #movedMs: number
  #isOver = false

  constructor(pages: number, now: number) {
    this.#pages = pages
    this.#movedMs = now
  }

  /** No page has gone for so long that none will. */
  get isOver(): boolean {
    return this.#isOver
  }

  look(pages: number, now: number): void {
    if (pages < this.#pages) this.#movedMs = now
    this.#pages = pages
    this.#isOver = now - this.#movedMs >= STALL_MS
  }
}

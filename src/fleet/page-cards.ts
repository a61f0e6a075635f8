/**
 * On which of its cards a domain has each page, as it said when it had mapped it: a byte for each
 * page of the model. Knows nothing of frames, and of what a card is.
 */
import type { HolderTable, Page } from '../pages/holder-table.js'

/** The bytes are zero at first, and memory that nobody writes to takes no room. */
const NOWHERE = 0

export class PageCards {
  readonly #table: Pick<HolderTable, 'entry'>
  /** One more than the number of the card. */
  readonly #cards: Uint8Array

  /** `table`: numbers the pages. */
  constructor(table: Pick<HolderTable, 'entries' | 'entry'>) {
    this.#table = table
    this.#cards = new Uint8Array(table.entries)
  }

  get bytes(): number {
    return this.#cards.byteLength
  }

  /** Undefined when the page is on none. */
  cardOf(page: Page): number | undefined {
    const card = this.#cards[this.#entry(page)] ?? NOWHERE
    return card === NOWHERE ? undefined : card - 1
  }

  /** `cards`: one for each page, below 255. */
  set(pages: readonly Page[], cards: readonly number[]): void {
    pages.forEach((page, at) => {
      this.#cards[this.#entry(page)] = 1 + (cards[at] ?? -1)
    })
  }

  forget(pages: readonly Page[]): void {
    for (const page of pages) this.#cards[this.#entry(page)] = NOWHERE
  }

  #entry({ region, expert }: Page): number {
    return this.#table.entry(region, expert)
  }
}

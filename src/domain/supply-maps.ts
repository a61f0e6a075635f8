/**
 * Maps that the head asked for and whose pages are still on their way: each is handed on whole when
 * its last page is there, or fails with the first page that is nowhere. Knows nothing of cards.
 */
import { SputnikError } from '../base/errors.js'
import type { PageAt, PageSource } from '../fabric/control.js'
import type { Supply } from './supply.js'

export type SuppliedMap = { readonly id: number; readonly pages: readonly PageAt[] } & (
  | { readonly sources: ReadonlyArray<PageSource | null>; readonly error?: never }
  | { readonly error: SputnikError }
)

type Waiting = {
  readonly id: number
  readonly pages: readonly PageAt[]
  readonly sources: Map<string, PageSource | null>
}

export class SupplyMaps {
  readonly #supply: Supply
  readonly #byPage = new Map<string, Waiting>()
  readonly #waiting = new Set<Waiting>()

  constructor(supply: Supply) {
    this.#supply = supply
  }

  /** Maps whose pages are on their way. */
  get pending(): number {
    return this.#waiting.size
  }

  /** @throws SputnikError FRAME_INVALID, CARD_BUSY; then nothing has changed */
  begin(id: number, pages: readonly PageAt[]): void {
    const keys = new Set(pages.map(keyOf))
    if (keys.size < pages.length || [...keys].some((key) => this.#byPage.has(key))) {
      throw new SputnikError('FRAME_INVALID', 'a page is mapped twice')
    }
    this.#supply.want(pages)
    const waiting = { id, pages, sources: new Map() }
    this.#waiting.add(waiting)
    for (const key of keys) this.#byPage.set(key, waiting)
  }

  /** No card holds these pages any more. */
  release(pages: readonly PageAt[]): void {
    this.#supply.release(pages)
  }

  /** Maps that are whole, or cannot be. */
  take(): SuppliedMap[] {
    const ended: SuppliedMap[] = []
    for (const answer of this.#supply.take()) {
      const key = keyOf(answer.kind === 'ready' ? answer.page : answer)
      const waiting = this.#byPage.get(key)
      if (waiting === undefined) continue
      const { id, pages, sources } = waiting
      if (answer.kind === 'ready') sources.set(key, answer.page.source)
      else {
        this.release(pages)
        ended.push({ id, pages, error: answer.error })
      }
      if (answer.kind === 'ready' && sources.size < pages.length) continue
      this.#waiting.delete(waiting)
      for (const page of pages) this.#byPage.delete(keyOf(page))
      if (answer.kind === 'failed') continue
      ended.push({ id, pages, sources: pages.map((page) => sources.get(keyOf(page)) ?? null) })
    }
    return ended
  }
}

function keyOf({ region, expert }: PageAt): string {
  return `${region} ${expert}`
}

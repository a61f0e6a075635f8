/**
 * Which pages a card holds, from which sources, and which maps it has not answered yet: what a card
 * started anew has to be given. Pure; knows nothing of links.
 */
import { defined } from '../base/assert.js'
import { type Load, MAP_PAGES_MAX, type PageAt, type PageSource } from '../fabric/control.js'

export type PageSources = ReadonlyArray<PageSource | null>

/** Pages to take in; without sources they lie in the model's files. */
export type PagesToMap = {
  readonly pages: readonly PageAt[]
  readonly sources?: PageSources | undefined
}

type Change = PagesToMap & { readonly kind: 'map' | 'unmap' }

export class MappedPages {
  readonly #load: Load
  /** By region: the source of each expert that is there, null for the model's files. */
  readonly #held: ReadonlyArray<Map<number, PageSource | null>>
  readonly #pending = new Map<number, Change>()

  constructor(load: Load) {
    this.#load = load
    this.#held = load.regions.map(({ pages }) => new Map(pages.map((expert) => [expert, null])))
  }

  get pending(): number {
    return this.#pending.size
  }

  begin(id: number, change: Change): void {
    this.#pending.set(id, change)
  }

  /** The card did what it was asked; false when it was not asked. */
  finish(id: number): boolean {
    const change = this.#pending.get(id)
    if (change === undefined) return false
    this.#pending.delete(id)
    change.pages.forEach(({ region, expert }, index) => {
      const held = defined(this.#held[region], 'a region the card has')
      if (change.kind === 'unmap') held.delete(expert)
      else held.set(expert, change.sources?.[index] ?? null)
    })
    return true
  }

  /** The card did not do what it was asked; false when it was not asked. */
  fail(id: number): boolean {
    return this.#pending.delete(id)
  }

  /** Forgets what was not answered, and says what that was. */
  failAll(): number[] {
    const ids = [...this.#pending.keys()]
    this.#pending.clear()
    return ids
  }

  /** What a new card is to load from the model's files, with room for as much as the first had. */
  load(): Load {
    const regions = this.#load.regions.map((region, index) => ({
      ...region,
      slots: region.slots ?? region.pages.length,
      pages: [...defined(this.#held[index], 'a region')]
        .filter(([, source]) => source === null)
        .map(([expert]) => expert),
    }))
    return { ...this.#load, regions }
  }

  /** What a new card is to map after that. */
  maps(): PagesToMap[] {
    const all = this.#held.flatMap((held, region) =>
      [...held]
        .filter(([, source]) => source !== null)
        .map(([expert, source]) => ({ page: { region, expert }, source })),
    )
    const count = Math.ceil(all.length / MAP_PAGES_MAX)
    return Array.from({ length: count }, (_, index) => {
      const part = all.slice(index * MAP_PAGES_MAX, (index + 1) * MAP_PAGES_MAX)
      return { pages: part.map(({ page }) => page), sources: part.map(({ source }) => source) }
    })
  }
}

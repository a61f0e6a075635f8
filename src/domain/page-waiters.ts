/**
 * Who waits for which page: maps and unmaps the head asked for, each answered once, when its last
 * page is where it is meant to be or one of them cannot be. Pure; knows no cards.
 */
import { SputnikError } from '../base/errors.js'

export type Change = {
  readonly id: number
  readonly kind: 'map' | 'unmap'
  readonly pages: readonly number[]
  /** Pages it waits for. */
  left: number
}

export type ChangeAnswer = {
  readonly id: number
  readonly error?: SputnikError
  /** Of a map that is done, as they were asked for. */
  readonly mapped?: readonly number[]
}

const CHANGES_MAX = 1024

export class PageWaiters {
  /** Changes that wait for a page. */
  readonly #waiting = new PageLists()
  /** Maps that have not ended, by each of their pages. */
  readonly #maps = new PageLists()
  /** Pages that a map has brought for good. */
  readonly #held = new Set<number>()
  readonly #open = new Set<Change>()
  #answers: ChangeAnswer[] = []

  /** @throws SputnikError CARD_BUSY when no change may be begun */
  check(): void {
    if (this.#open.size + this.#answers.length < CHANGES_MAX) return
    throw new SputnikError('CARD_BUSY', `${CHANGES_MAX} maps wait for their pages already`)
  }

  begin(id: number, { kind, pages }: Pick<Change, 'kind' | 'pages'>): Change {
    const change = { id, kind, pages, left: 0 }
    this.#open.add(change)
    if (kind === 'map') for (const page of pages) this.#maps.add(page, change)
    return change
  }

  wait(page: number, change: Change): void {
    change.left++
    this.#waiting.add(page, change)
  }

  /** Ends a change that waits for nothing more. */
  settle(change: Change): void {
    if (change.left > 0 || !this.#open.has(change)) return
    const { id, kind, pages } = change
    if (kind === 'map') for (const page of pages) this.#held.add(page)
    this.#end(change)
    this.#answers.push({ id, ...(kind === 'map' && { mapped: pages }) })
  }

  /** The page is where changes of this kind want it. */
  resolve(kind: Change['kind'], page: number): void {
    for (const change of this.#waiting.of(page)) {
      if (change.kind !== kind) continue
      this.#waiting.remove(page, change)
      change.left--
      this.settle(change)
    }
  }

  /** Whether a map that has not ended names the page. */
  isComing(page: number): boolean {
    return this.#maps.of(page).length > 0
  }

  /** Whether the head takes the page to be here. */
  isHeld(page: number): boolean {
    return this.#held.has(page)
  }

  /** The page is not to stay, or cannot. */
  letGo(page: number): void {
    this.#held.delete(page)
  }

  /** Ends all maps of a page; gives the pages that nobody wants to stay now. */
  fail(page: number, error: SputnikError): number[] {
    const failed = this.#maps.of(page)
    for (const change of failed) {
      this.#end(change)
      this.#answers.push({ id: change.id, error })
    }
    const pages = new Set(failed.flatMap((change) => change.pages))
    return [...pages].filter((one) => !this.#held.has(one) && this.#maps.of(one).length === 0)
  }

  take(): ChangeAnswer[] {
    const answers = this.#answers
    this.#answers = []
    return answers
  }

  #end(change: Change): void {
    this.#open.delete(change)
    for (const page of change.pages) {
      this.#waiting.remove(page, change)
      this.#maps.remove(page, change)
    }
  }
}

/** Changes by page; pages without any take no room. */
class PageLists {
  readonly #lists = new Map<number, readonly Change[]>()

  of(page: number): readonly Change[] {
    return this.#lists.get(page) ?? []
  }

  add(page: number, change: Change): void {
    this.#lists.set(page, [...this.of(page), change])
  }

  remove(page: number, change: Change): void {
    const rest = this.of(page).filter((other) => other !== change)
    if (rest.length === 0) this.#lists.delete(page)
    else this.#lists.set(page, rest)
  }
}

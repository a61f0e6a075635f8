/**
 * Brings pages to cards and away from them as the head asks: each page has a place it is meant to
 * be in and a state it is in, and what the head asked is answered when the two meet. Asking again,
 * or for the opposite before the first is done, is safe. A `map` is done as a whole or not at all.
 * Pure: what is to be asked of the supply and of cards is taken from it.
 */
import { assert, defined } from '../base/assert.js'
import { type ErrorCode, SputnikError } from '../base/errors.js'
import { MAP_PAGES_MAX, type PageAt, type PageSource } from '../fabric/control.js'
import type { DomainTable } from '../pages/domain-table.js'
import { CardPages, type PageFrame } from './card-pages.js'
import { type ChangeAnswer, PageWaiters } from './page-waiters.js'
import type { SuppliedPage, SupplyAnswer } from './supply.js'

/** What a card is to do; `sources` as in a `map` frame. */
export type CardChange = {
  readonly card: number
  readonly id: number
  readonly kind: 'map' | 'unmap'
  readonly pages: readonly PageAt[]
  readonly sources: ReadonlyArray<PageSource | null>
}

/** What a card says of a page that is not where the supply said it was. */
const UNREADABLE: ReadonlySet<ErrorCode> = new Set([
  'FILE_NOT_FOUND',
  'FILE_UNREADABLE',
  'GGUF_INVALID',
  'PAGE_CORRUPT',
])

/** Pages the supply is asked for at a time. */
const WANTED_MAX = MAP_PAGES_MAX * 256

export class PageChanges {
  readonly #table: DomainTable
  readonly #cards: readonly CardPages[]
  readonly #waiters = new PageWaiters()
  /** Pages on a card that are meant to leave it. */
  readonly #leaving = new Set<number>()
  readonly #sources = new Map<number, PageSource | null>()
  readonly #wanted = new Set<number>()
  readonly #wants = new Set<number>()
  #releases: number[] = []
  /** No card can read them where the supply said they were. */
  #rejects: number[] = []
  #gone: number[] = []

  constructor(table: DomainTable) {
    this.#table = table
    this.#cards = table.cards.map(() => new CardPages())
  }

  /** @throws SputnikError FRAME_INVALID, CARD_FULL, CARD_BUSY; then nothing has changed */
  map(id: number, pages: readonly PageAt[]): void {
    const numbers = this.#numbers(pages)
    this.#waiters.check()
    const fresh = this.#makeRoom(numbers)
    const change = this.#waiters.begin(id, { kind: 'map', pages: numbers })
    for (const page of fresh) this.#want(page)
    for (const page of numbers) {
      const isComing = fresh.has(page) || this.#leaving.delete(page)
      if (isComing) this.#waiters.resolve('unmap', page)
      if (this.#table.state(page) !== 'mapped') this.#waiters.wait(page, change)
    }
    this.#waiters.settle(change)
  }

  /** @throws SputnikError FRAME_INVALID, CARD_BUSY */
  unmap(id: number, pages: readonly PageAt[]): void {
    const numbers = this.#numbers(pages)
    this.#waiters.check()
    const change = this.#waiters.begin(id, { kind: 'unmap', pages: numbers })
    for (const page of numbers) {
      this.#leave(page)
      if (this.#table.state(page) !== 'absent') this.#waiters.wait(page, change)
      if (this.#waiters.isComing(page)) this.#fail(page, this.#unmapped(page))
    }
    this.#waiters.settle(change)
  }

  supplied(answer: SupplyAnswer): void {
    const { region, expert } = answer.kind === 'ready' ? answer.page : answer
    const page = this.#table.pageAt(region, expert)
    const isWanted = this.#wanted.delete(page)
    if (!isWanted) {
      if (page >= 0 && this.#table.state(page) === 'absent') this.#releases.push(page)
    } else if (answer.kind === 'failed') this.#lose(page, answer.error)
    else this.#queue(page, answer.page)
  }

  /** What a card is to be sent now; none when it works on enough. */
  takeChange(card: number): CardChange | undefined {
    const frame = this.#of(card).next()
    if (frame === undefined) return undefined
    const { id, kind, pages } = frame
    if (kind === 'map') for (const page of pages) this.#table.move(page, 'mapping')
    return {
      ...{ card, id, kind },
      pages: pages.map((page) => this.#table.placeOf(page)),
      sources: pages.map((page) => this.#sources.get(page) ?? null),
    }
  }

  /** A card has done what it was asked, or could not. */
  finished(card: number, { id, error }: { id: number; error?: SputnikError }): void {
    const frame = this.#of(card).finish(id)
    if (frame === undefined) return
    if (error === undefined) {
      for (const page of frame.pages) this.#arrive(page, frame.kind)
    } else if (frame.pages.length > 1) this.#again(card, frame)
    else for (const page of frame.pages) this.#give(page, { kind: frame.kind, error })
  }

  /** Its pages wait for the card that follows it. */
  cardLost(card: number): void {
    this.#of(card).clear()
    const pages = this.#table.pagesOf(card)
    for (const page of pages) this.#restore(page)
    const queued = pages.filter((page) => this.#table.state(page) === 'queued')
    const isFirst = (page: number): number => (this.#table.isRestoring(page) ? 0 : 1)
    queued.sort((a, b) => isFirst(a) - isFirst(b) || a - b)
    for (const page of queued) this.#of(card).map(page)
  }

  /** No card follows for now: nothing is to be on it. */
  cardGone(card: number, error: SputnikError): void {
    this.cardLost(card)
    for (const page of this.#table.pagesOf(card)) this.#lose(page, error)
  }

  /** Pages that a card had and has not back yet are not waited for any longer. */
  giveUp(card: number, error: SputnikError): void {
    for (const page of this.#table.pagesOf(card)) {
      if (this.#table.isRestoring(page)) this.#lose(page, error)
    }
  }

  /** How the changes ended that have ended since the last call. */
  takeAnswers(): ChangeAnswer[] {
    return this.#waiters.take()
  }

  /** Pages to ask the supply for. */
  takeWants(): PageAt[] {
    const wants = [...this.#wants].filter((page) => this.#wanted.has(page))
    this.#wants.clear()
    return wants.map((page) => this.#table.placeOf(page))
  }

  /** Pages that no card has any more. */
  takeReleases(): PageAt[] {
    const releases = this.#releases.filter((page) => this.#table.state(page) === 'absent')
    this.#releases = []
    return releases.map((page) => this.#table.placeOf(page))
  }

  /** Pages that are to be looked for elsewhere if they are wanted again. */
  takeRejects(): PageAt[] {
    const rejects = this.#rejects
    this.#rejects = []
    return rejects.map((page) => this.#table.placeOf(page))
  }

  /** Whether pages have gone that the head takes to be here. */
  get hasGone(): boolean {
    return this.#gone.length > 0
  }

  /** Those pages; each once. */
  takeGone(): PageAt[] {
    const gone = this.#gone
    this.#gone = []
    return gone.map((page) => this.#table.placeOf(page))
  }

  /** Whether pages are on their way. */
  get isMoving(): boolean {
    return this.#wanted.size > 0 || this.#cards.some(({ isIdle }) => !isIdle)
  }

  isIdle(card: number): boolean {
    return this.#of(card).isIdle
  }

  #numbers(pages: readonly PageAt[]): number[] {
    const numbers = pages.map(({ region, expert }) => {
      const page = this.#table.pageAt(region, expert)
      if (page >= 0) return page
      throw new SputnikError('FRAME_INVALID', `there is no expert ${expert} of region ${region}`)
    })
    if (new Set(numbers).size === numbers.length) return numbers
    throw new SputnikError('FRAME_INVALID', 'a page is named twice')
  }

  /** Reserves room for pages that are not here; for all of them or for none. */
  #makeRoom(pages: readonly number[]): Set<number> {
    const fresh = new Set<number>()
    for (const page of pages) {
      if (this.#table.state(page) !== 'absent') continue
      if (this.#wanted.size + fresh.size < WANTED_MAX && this.#table.reserve(page)) fresh.add(page)
      else {
        for (const other of fresh) this.#table.release(other)
        throw this.#full(page, pages.length)
      }
    }
    return fresh
  }

  #full(page: number, count: number): SputnikError {
    if (this.#wanted.size + count >= WANTED_MAX) {
      return new SputnikError('CARD_BUSY', `${this.#wanted.size} pages are on their way already`)
    }
    const { region } = this.#table.placeOf(page)
    const text = `${count} pages do not fit: no card has room for one more of region ${region}`
    return new SputnikError('CARD_FULL', text, { region })
  }

  #unmapped(page: number): SputnikError {
    const { region, expert } = this.#table.placeOf(page)
    const text = `expert ${expert} of region ${region} was unmapped before it was there`
    return new SputnikError('PAGE_UNAVAILABLE', text)
  }

  #want(page: number): void {
    this.#wanted.add(page)
    this.#wants.add(page)
  }

  #queue(page: number, { source }: SuppliedPage): void {
    this.#sources.set(page, source)
    this.#table.move(page, 'queued')
    this.#of(this.#table.cardOf(page)).map(page)
  }

  /** Makes a page go, wherever it is on its way. */
  #leave(page: number): void {
    if (this.#leaving.has(page)) return
    this.#waiters.letGo(page)
    const state = this.#table.state(page)
    if (state === 'wanted' || state === 'queued') {
      this.#of(this.#table.cardOf(page)).forget(page)
      this.#drop(page)
    } else if (state === 'unmapping' || state === 'mapping') {
      this.#leaving.add(page)
      this.#table.depart(page)
    } else if (state === 'mapped') this.#sendAway(page)
  }

  #sendAway(page: number): void {
    this.#leaving.add(page)
    this.#table.move(page, 'unmapping')
    this.#of(this.#table.cardOf(page)).unmap(page)
  }

  #drop(page: number): void {
    this.#wanted.delete(page)
    this.#leaving.delete(page)
    this.#waiters.letGo(page)
    this.#sources.delete(page)
    this.#table.release(page)
    this.#releases.push(page)
    this.#waiters.resolve('unmap', page)
  }

  #arrive(page: number, kind: 'map' | 'unmap'): void {
    if (kind === 'unmap') {
      this.#goneFromCard(page)
      return
    }
    this.#table.move(page, 'mapped')
    if (this.#leaving.has(page)) this.#sendAway(page)
    else this.#waiters.resolve('map', page)
  }

  /** The page has left its card, or has never reached it; it may be wanted there again. */
  #goneFromCard(page: number): void {
    if (this.#leaving.has(page)) this.#drop(page)
    else {
      this.#table.move(page, 'wanted')
      this.#want(page)
    }
  }

  #again(card: number, frame: PageFrame): void {
    const stay = frame.pages.filter((page) => frame.kind === 'unmap' || !this.#leaving.has(page))
    this.#of(card).again({ ...frame, pages: stay })
    for (const page of frame.pages) {
      if (frame.kind === 'unmap') continue
      if (this.#leaving.has(page)) this.#drop(page)
      else this.#table.move(page, 'queued')
    }
  }

  /** One page failed by itself. A card that cannot unmap it does not have it. */
  #give(page: number, { kind, error }: { kind: 'map' | 'unmap'; error: SputnikError }): void {
    if (kind === 'unmap' || this.#leaving.has(page)) this.#goneFromCard(page)
    else {
      this.#table.move(page, 'queued')
      this.#lose(page, error)
    }
    if (!UNREADABLE.has(error.code)) return
    this.#table.setOnDisk(page, false)
    this.#rejects.push(page)
  }

  /** The page does not come; the head is told so if it takes the page to be here. */
  #lose(page: number, error: SputnikError): void {
    if (this.#waiters.isHeld(page)) this.#gone.push(page)
    this.#leave(page)
    this.#fail(page, error)
  }

  /** What was asked to map a page has failed; its other pages go again. */
  #fail(page: number, error: SputnikError): void {
    for (const other of this.#waiters.fail(page, error)) this.#leave(other)
  }

  #restore(page: number): void {
    const state = this.#table.state(page)
    if (state === 'absent' || state === 'wanted') return
    if (this.#leaving.has(page)) this.#drop(page)
    else this.#table.restore(page)
  }

  #of(card: number): CardPages {
    assert(card < this.#cards.length, 'a card that there is')
    return defined(this.#cards[card], 'a card')
  }
}

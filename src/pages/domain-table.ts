/**
 * The page table of a domain: which of its cards holds an expert of a region, how far a page is on
 * its way, and what fits where. The slot on a card is the card's own affair (`PageTable`), since
 * only its kernels need it. Knows nothing of frames and of where bytes come from.
 */
import { assert, defined } from '../base/assert.js'

/** Memory of a card: that of a GPU, or of the machine. */
export type CardTier = 'device' | 'host'

/** Where the bytes of a page are: in the memory of a card, or only on disk. */
export type Tier = CardTier | 'disk'

export type TableCard = {
  readonly tier: CardTier
  /** For pages. */
  readonly memoryBytes: number
  /** Pages of each region it has room for. */
  readonly slots: readonly number[]
}

export type TableRegion = { readonly experts: number; readonly pageBytes: number }

/** How far a page is on its way; `queued` is on disk and waits for its card. */
export type PageState = 'absent' | 'wanted' | 'queued' | 'mapping' | 'mapped' | 'unmapping'

const STATES: readonly PageState[] = [
  'absent',
  'wanted',
  'queued',
  'mapping',
  'mapped',
  'unmapping',
]
const NO_CARD = 255

/** Time of a pair until it is measured, against that of others: only the ratio counts. */
const GUESS = { device: 1, host: 10 } as const

/** What a page takes of a card. */
type CardUse = {
  pages: number
  bytes: number
  reservedBytes: number
  /** Measured. */
  usPerPair: number | undefined
  isOpen: boolean
}

export class DomainTable {
  readonly cards: readonly TableCard[]
  readonly regions: readonly TableRegion[]
  /** Of each region; the number of all pages comes last. */
  readonly #first: Uint32Array
  readonly #region: Uint16Array
  readonly #state: Uint8Array
  readonly #card: Uint8Array
  /** Was mapped before its card was lost, so that dispatches wait for it. */
  readonly #restoring: Uint8Array
  readonly #onDisk: Uint8Array
  readonly #use: readonly CardUse[]
  /** By card and region: pages that are there or on their way. */
  readonly #reserved: readonly Uint16Array[]
  readonly #restoringOf: number[]
  #diskBytes = 0
  /** How often a page has left its card, or was told to. */
  departures = 0

  constructor(regions: readonly TableRegion[], cards: readonly TableCard[]) {
    assert(cards.length > 0 && cards.length < NO_CARD, `${cards.length} cards`)
    this.cards = cards
    this.regions = regions
    this.#first = new Uint32Array(regions.length + 1)
    regions.forEach(({ experts }, region) => {
      this.#first[region + 1] = (this.#first[region] ?? 0) + experts
    })
    const pages = this.#first[regions.length] ?? 0
    this.#region = new Uint16Array(pages)
    regions.forEach((_, at) => {
      this.#region.fill(at, this.#first[at], this.#first[at + 1])
    })
    this.#state = new Uint8Array(pages)
    this.#card = new Uint8Array(pages).fill(NO_CARD)
    this.#restoring = new Uint8Array(pages)
    this.#onDisk = new Uint8Array(pages)
    this.#use = cards.map(() => ({
      ...{ pages: 0, bytes: 0, reservedBytes: 0, usPerPair: undefined },
      isOpen: true,
    }))
    this.#reserved = cards.map(() => new Uint16Array(regions.length))
    this.#restoringOf = cards.map(() => 0)
  }

  /** Number of a page in this table; -1 when there is none. */
  pageAt(region: number, expert: number): number {
    const { experts = 0 } = this.regions[region] ?? {}
    return expert < experts ? (this.#first[region] ?? 0) + expert : -1
  }

  placeOf(page: number): { region: number; expert: number } {
    const region = this.#region[page] ?? 0
    return { region, expert: page - (this.#first[region] ?? 0) }
  }

  state(page: number): PageState {
    return defined(STATES[this.#state[page] ?? -1], 'a page')
  }

  /** The card of a page that is there or on its way. */
  cardOf(page: number): number {
    return this.#card[page] ?? NO_CARD
  }

  /** The card that computes an expert, now or as soon as it is back; -1 when none does. */
  holder(region: number, expert: number): number {
    const page = this.pageAt(region, expert)
    if (page < 0) return -1
    const isThere = this.state(page) === 'mapped' || this.#restoring[page] === 1
    return isThere ? (this.#card[page] ?? -1) : -1
  }

  /** Undefined for a page that is nowhere here. */
  tierOf(page: number): Tier | undefined {
    if (this.state(page) === 'mapped') return this.#tierOfCard(page)
    return this.#onDisk[page] === 1 ? 'disk' : undefined
  }

  /** Measured time of a pair; decides which cards get more pages. */
  setSpeed(card: number, usPerPair: number): void {
    if (usPerPair > 0) this.#of(card).usPerPair = usPerPair
  }

  /** A card that does not come back gets no pages. */
  setOpen(card: number, isOpen: boolean): void {
    this.#of(card).isOpen = isOpen
  }

  isOpen(card: number): boolean {
    return this.#of(card).isOpen
  }

  /**
   * Gives an absent page a card with room, such that the cards of the domain finish a layer
   * together; false when none has room.
   */
  reserve(page: number): boolean {
    assert(this.state(page) === 'absent', 'a page is reserved twice')
    const region = this.#region[page] ?? 0
    const card = this.#choose(region)
    if (card < 0) return false
    this.#card[page] = card
    this.#of(card).reservedBytes += this.#bytes(page)
    this.#countReserved(card, { region, by: 1 })
    this.#set(page, 'wanted')
    return true
  }

  /** The next step of a page that has a card. */
  move(page: number, state: Exclude<PageState, 'absent'>): void {
    assert(this.#card[page] !== NO_CARD, 'a page without a card')
    if (state === 'queued') this.setOnDisk(page, true)
    this.#set(page, state)
    if (state === 'unmapping') this.departures++
    if (state === 'mapped') this.#setRestoring(page, false)
  }

  /** Nobody is to wait for the page any more. */
  depart(page: number): void {
    this.departures++
    this.#setRestoring(page, false)
  }

  /** The page leaves its card, or gives up its way there. */
  release(page: number): void {
    const card = this.cardOf(page)
    this.depart(page)
    this.#set(page, 'absent')
    this.#of(card).reservedBytes -= this.#bytes(page)
    this.#countReserved(card, { region: this.#region[page] ?? 0, by: -1 })
    this.#card[page] = NO_CARD
  }

  /** The card of a page is lost: it is to come back with the page. */
  restore(page: number): void {
    const isBack = this.state(page) === 'mapped'
    this.#set(page, 'queued')
    if (isBack) this.#setRestoring(page, true)
  }

  isRestoring(page: number): boolean {
    return this.#restoring[page] === 1
  }

  /** Pages that a card had and has not back yet. */
  restoringOf(card: number): number {
    return this.#restoringOf[card] ?? 0
  }

  setOnDisk(page: number, isThere: boolean): void {
    if ((this.#onDisk[page] === 1) === isThere) return
    this.#onDisk[page] = isThere ? 1 : 0
    if (this.state(page) !== 'mapped') this.#diskBytes += (isThere ? 1 : -1) * this.#bytes(page)
  }

  /** Pages that a card has or waits for. */
  pagesOf(card: number): number[] {
    const pages: number[] = []
    for (let page = 0; page < this.#card.length; page++) {
      if (this.#card[page] === card) pages.push(page)
    }
    return pages
  }

  /** The region a card has most pages of, there or on their way; -1 when it has none. */
  richestRegion(card: number): number {
    const counts = defined(this.#reserved[card], 'a card')
    const most = counts.reduce((max, count) => Math.max(max, count), 0)
    return most === 0 ? -1 : counts.indexOf(most)
  }

  /** Experts of a region that a card has, at most so many. */
  mappedExperts(card: number, { region, max }: { region: number; max: number }): number[] {
    const experts: number[] = []
    const { experts: count = 0 } = this.regions[region] ?? {}
    for (let expert = 0; expert < count && experts.length < max; expert++) {
      const page = this.pageAt(region, expert)
      if (this.#card[page] === card && this.state(page) === 'mapped') experts.push(expert)
    }
    return experts
  }

  /** What a card holds. */
  use(card: number): { readonly pages: number; readonly bytes: number } {
    return this.#of(card)
  }

  get pages(): number {
    return this.#use.reduce((sum, { pages }) => sum + pages, 0)
  }

  get bytes(): number {
    return this.#use.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get tierBytes(): Record<Tier, number> {
    const sums = { device: 0, host: 0, disk: this.#diskBytes }
    this.cards.forEach(({ tier }, card) => {
      sums[tier] += this.#of(card).bytes
    })
    return sums
  }

  /** The card that would be done first with this page beside those it has of the region. */
  #choose(region: number): number {
    let best = -1
    let bestUs = Infinity
    const { pageBytes = 0 } = this.regions[region] ?? {}
    this.cards.forEach(({ memoryBytes, slots }, card) => {
      const { reservedBytes, isOpen } = this.#of(card)
      const count = this.#reserved[card]?.[region] ?? 0
      if (!isOpen || count >= (slots[region] ?? 0) || reservedBytes + pageBytes > memoryBytes)
        return
      const us = (count + 1) * this.#pairUs(card)
      if (us >= bestUs) return
      best = card
      bestUs = us
    })
    return best
  }

  /** A card that is not measured is taken to be as one that is, or by its tier. */
  #pairUs(card: number): number {
    const measured = this.#of(card).usPerPair
    if (measured !== undefined) return measured
    const other = this.cards.findIndex((_, at) => this.#of(at).usPerPair !== undefined)
    const scale = (this.#use[other]?.usPerPair ?? 1) / GUESS[this.cards[other]?.tier ?? 'device']
    return scale * GUESS[this.cards[card]?.tier ?? 'device']
  }

  #set(page: number, state: PageState): void {
    const was = this.state(page) === 'mapped'
    const is = state === 'mapped'
    this.#state[page] = STATES.indexOf(state)
    if (was === is) return
    const sign = is ? 1 : -1
    const bytes = this.#bytes(page)
    const use = this.#of(this.cardOf(page))
    use.pages += sign
    use.bytes += sign * bytes
    if (this.#onDisk[page] === 1) this.#diskBytes -= sign * bytes
  }

  #setRestoring(page: number, is: boolean): void {
    if ((this.#restoring[page] === 1) === is) return
    this.#restoring[page] = is ? 1 : 0
    const card = this.cardOf(page)
    this.#restoringOf[card] = (this.#restoringOf[card] ?? 0) + (is ? 1 : -1)
  }

  #countReserved(card: number, { region, by }: { region: number; by: number }): void {
    const counts = defined(this.#reserved[card], 'a card')
    counts[region] = (counts[region] ?? 0) + by
  }

  #tierOfCard(page: number): CardTier | undefined {
    return this.cards[this.cardOf(page)]?.tier
  }

  #bytes(page: number): number {
    return this.regions[this.#region[page] ?? 0]?.pageBytes ?? 0
  }

  #of(card: number): CardUse {
    return defined(this.#use[card], 'a card')
  }
}

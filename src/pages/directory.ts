/**
 * The first level of the page table: which domains hold an expert of a region, and how that changes
 * while steps run. A new holder is pointed at only after it reported the page mapped and verified;
 * an old one is told to unmap after the last step that may use it. Knows nothing of cards, slots,
 * bytes, and of how domains are reached.
 */
import { assert } from '../base/assert.js'
import { HolderTable, type Page, type RegionSize } from './holder-table.js'
import { Retirement } from './retirement.js'

/** A page that domain `to` is to hold and `from` no longer; one of them may be missing. */
export type Move = Page & { readonly to?: number; readonly from?: number }

/** For the domain, in this order: what is unmapped makes room for what is mapped. */
export type DirectoryMessage =
  | {
      readonly kind: 'map'
      readonly change: number
      readonly domain: number
      readonly pages: readonly Page[]
    }
  | { readonly kind: 'unmap'; readonly domain: number; readonly pages: readonly Page[] }

/** What a domain says of pages it was told to map. */
export type MapReport = {
  readonly change: number
  readonly domain: number
  readonly pages: readonly Page[]
}

type Staged = { readonly move: Move; readonly change: number; isMapped: boolean }

type HolderKeys = 'count' | 'entries' | 'entry' | 'has' | 'holdersOf' | 'isPage' | 'page'

const KEY_DOMAINS = 0x10000
const STAGED_MAX = 1 << 16

export class Directory {
  readonly #table: HolderTable
  readonly #staged = new Map<number, Staged>()
  /** Holders to take out at the next commit. */
  #drops: Move[] = []
  /** Pages that domains said are gone, since the steps began that may want them there. */
  readonly #gone = new Set<number>()
  readonly #retirement = new Retirement()
  /** Pages of each region that a domain has or is about to have in memory. */
  readonly #occupied = new Map<number, Uint32Array>()
  #outbox: DirectoryMessage[] = []
  #changes = 0
  /** Version of the placement; every change makes a new one. */
  #epoch = 0

  constructor(regions: readonly RegionSize[], replicas = 1) {
    this.#table = new HolderTable(regions, replicas)
  }

  get epoch(): number {
    return this.#epoch
  }

  get regions(): readonly RegionSize[] {
    return this.#table.regions
  }

  get replicas(): number {
    return this.#table.replicas
  }

  /** Of the committed table. */
  get bytes(): number {
    return this.#table.bytes
  }

  /** True when no page is being mapped or waits for being unmapped. */
  get isQuiet(): boolean {
    return this.#staged.size === 0 && this.#drops.length === 0 && this.#retirement.size === 0
  }

  /** What steps may use now; not to be changed from outside. */
  get table(): Pick<HolderTable, HolderKeys> {
    return this.#table
  }

  /** What steps may use now, as a table that later epochs do not change. */
  copy(): HolderTable {
    return this.#table.copy()
  }

  /** Domains of each expert of a region, [replicas, experts]; a view that later epochs change. */
  holders(region: number): Uint16Array {
    return this.#table.holders(region)
  }

  holdersOf({ region, expert }: Page): number[] {
    return this.#table.holdersOf(this.#table.entry(region, expert))
  }

  /** Pages without any holder. */
  orphans(): Page[] {
    return this.#table.orphans().map((entry) => this.#table.page(entry))
  }

  /** Makes `placement[region][expert]` the only domain of each expert, at once; -1: nobody. */
  place(placement: readonly (readonly number[])[]): void {
    assert(placement.length === this.regions.length, 'a placement for other regions')
    placement.forEach((domains, region) => {
      const size = this.regions[region]?.experts
      assert(size === domains.length, `a placement for other experts (${region})`)
    })
    assert(this.isQuiet, 'a placement while pages move')
    this.#table.clear()
    this.#occupied.clear()
    placement.forEach((domains, region) => {
      domains.forEach((domain, expert) => {
        if (domain < 0) return
        this.#table.add(this.#table.entry(region, expert), domain)
        this.#occupy({ region, expert }, { domain, by: 1 })
      })
    })
    this.#epoch++
  }

  /**
   * Begins a change: domains are told to map, nothing points at the new pages yet.
   * @returns its number, which the reports of the domains carry
   */
  stage(moves: readonly Move[]): number {
    assert(this.#staged.size + moves.length <= STAGED_MAX, 'more staged moves than are bounded')
    const change = ++this.#changes
    const pages = new Map<number, Page[]>()
    for (const move of moves) {
      if (move.to === undefined) this.#drops.push(move)
      else if (this.#stageMap({ ...move, to: move.to }, change)) push(pages, move.to, pageOf(move))
    }
    for (const [domain, list] of pages) {
      this.#outbox.push({ kind: 'map', change, domain, pages: list })
    }
    return change
  }

  /** False when the domain has the page still, so that nothing needs to be mapped. */
  #stageMap(move: Move & { readonly to: number }, change: number): boolean {
    const { to } = move
    const entry = this.#table.entry(move.region, move.expert)
    const key = entry * KEY_DOMAINS + to
    const isNew = !this.#staged.has(key) && !this.#table.has(entry, to)
    assert(isNew, `domain ${to} has or gets page (${move.region}, ${move.expert}) already`)
    const hasRoom = move.from !== undefined || this.#table.count(entry) < this.replicas
    assert(hasRoom, `page (${move.region}, ${move.expert}) has all its replicas`)
    const isMapped = this.#retirement.cancel(key)
    this.#staged.set(key, { move, change, isMapped })
    if (!isMapped) this.#occupy(move, { domain: to, by: 1 })
    return !isMapped
  }

  /** A domain mapped and verified pages; reports of changes that were given up say nothing. */
  reportMapped(report: MapReport): void {
    for (const { staged } of this.#reported(report)) staged.isMapped = true
  }

  /** A domain could not map pages: gives their moves up and returns them. */
  reportFailed(report: MapReport): Move[] {
    return this.#reported(report).map(({ key, staged }) => {
      this.#staged.delete(key)
      this.#occupy(staged.move, { domain: report.domain, by: -1 })
      return staged.move
    })
  }

  /**
   * A domain has pages no more that it had: nothing points at them there from now on, whatever was
   * to become of them. What it is mapping anew is not meant.
   * @returns how many it was pointed at for, or to be pointed at
   */
  reportGone(domain: number, pages: readonly Page[]): number {
    const gone = pages.filter((page) => this.#takeGone(page, domain))
    if (gone.length > 0) this.#epoch++
    return gone.length
  }

  #takeGone(page: Page, domain: number): boolean {
    const entry = this.#table.entry(page.region, page.expert)
    const key = entry * KEY_DOMAINS + domain
    const isStaged = this.#staged.get(key)?.isMapped === true && this.#staged.delete(key)
    const isHeld = this.#table.remove(entry, domain)
    if (!isStaged && !isHeld && !this.#retirement.cancel(key)) return false
    this.#gone.add(key)
    this.#occupy(page, { domain, by: -1 })
    return isStaged || isHeld
  }

  /** Whether a step that runs may want the page of a domain that said since that it is gone. */
  isGone({ region, expert }: Page, domain: number): boolean {
    return this.#gone.has(this.#table.entry(region, expert) * KEY_DOMAINS + domain)
  }

  #reported({ change, domain, pages }: MapReport): { key: number; staged: Staged }[] {
    return pages.flatMap(({ region, expert }) => {
      if (!Number.isInteger(expert) || !this.#table.isPage({ region, expert })) return []
      const key = this.#table.entry(region, expert) * KEY_DOMAINS + domain
      const staged = this.#staged.get(key)
      return staged?.change === change ? [{ key, staged }] : []
    })
  }

  /**
   * Points at all pages that were reported mapped and lets go of those they replace. The last
   * holder of a page stays whatever was asked.
   * @returns false when there is nothing to change, which is no new epoch
   */
  commit(): boolean {
    const ready = [...this.#staged].filter(([, { isMapped }]) => isMapped)
    const drops = this.#drops
    if (ready.length === 0 && drops.length === 0) return false
    this.#drops = []
    for (const [key, { move }] of ready) {
      this.#staged.delete(key)
      this.#commitMap(key, move)
    }
    for (const move of drops) this.#commitDrop(move)
    this.#epoch++
    this.#release()
    return true
  }

  #commitMap(key: number, move: Move): void {
    const entry = this.#table.entry(move.region, move.expert)
    const { from } = move
    if (from !== undefined && this.#table.remove(entry, from)) {
      this.#retirement.retire(entry * KEY_DOMAINS + from, this.#epoch)
    }
    const isAdded = this.#table.add(entry, key % KEY_DOMAINS)
    // Others took the last replica meanwhile.
    if (!isAdded) this.#retirement.retire(key, this.#epoch)
  }

  #commitDrop({ region, expert, from }: Move): void {
    if (from === undefined) return
    const entry = this.#table.entry(region, expert)
    if (this.#table.count(entry) < 2 || !this.#table.remove(entry, from)) return
    this.#retirement.retire(entry * KEY_DOMAINS + from, this.#epoch)
  }

  /** @returns the epoch, which the end of the step has to name */
  stepBegan(): number {
    if (!this.#retirement.isRunning) this.#gone.clear()
    this.#retirement.began(this.#epoch)
    return this.#epoch
  }

  stepEnded(epoch: number): void {
    this.#retirement.ended(epoch)
    this.#release()
  }

  #release(): void {
    const pages = new Map<number, Page[]>()
    for (const key of this.#retirement.release()) {
      const page = this.#table.page(Math.floor(key / KEY_DOMAINS))
      const domain = key % KEY_DOMAINS
      this.#occupy(page, { domain, by: -1 })
      push(pages, domain, page)
    }
    for (const [domain, list] of pages) this.#outbox.push({ kind: 'unmap', domain, pages: list })
  }

  /** Takes a lost domain out at once, with all that was under way to it. */
  removeDomain(domain: number): void {
    this.#table.removeDomain(domain)
    for (const keys of [this.#staged, this.#gone]) {
      for (const key of keys.keys()) if (key % KEY_DOMAINS === domain) keys.delete(key)
    }
    this.#retirement.forget((key) => key % KEY_DOMAINS === domain)
    this.#outbox = this.#outbox.filter((message) => message.domain !== domain)
    this.#occupied.delete(domain)
    this.#epoch++
  }

  /**
   * Points at pages that a domain came with, mapped and verified, where a replica is missing, and
   * tells it to unmap the others.
   */
  adopt(domain: number, pages: readonly Page[]): void {
    const surplus = pages.filter((page) => !this.#adoptPage(page, domain))
    if (surplus.length > 0) this.#outbox.push({ kind: 'unmap', domain, pages: surplus })
    this.#epoch++
  }

  /** False when the page has all its replicas elsewhere. */
  #adoptPage(page: Page, domain: number): boolean {
    const entry = this.#table.entry(page.region, page.expert)
    const key = entry * KEY_DOMAINS + domain
    if (this.#table.has(entry, domain) || this.#staged.has(key)) return true
    if (!this.#table.add(entry, domain)) return this.#retirement.has(key)
    if (!this.#retirement.cancel(key)) this.#occupy(page, { domain, by: 1 })
    return true
  }

  /** Moves that were staged and neither committed nor given up. */
  stagedMoves(): Move[] {
    return [...this.#staged.values()].map(({ move }) => move).concat(this.#drops)
  }

  /** Pages of each region in a domain's memory, with those under way and those not yet unmapped. */
  occupied(domain: number): Readonly<Uint32Array> {
    return this.#occupied.get(domain) ?? new Uint32Array(this.regions.length)
  }

  /** Messages to domains, once. */
  takeOutbox(): DirectoryMessage[] {
    const messages = this.#outbox
    this.#outbox = []
    return messages
  }

  #occupy({ region }: Page, { domain, by }: { domain: number; by: number }): void {
    const pages = this.#occupied.get(domain) ?? new Uint32Array(this.regions.length)
    pages[region] = (pages[region] ?? 0) + by
    this.#occupied.set(domain, pages)
  }
}

function pageOf({ region, expert }: Page): Page {
  return { region, expert }
}

function push(lists: Map<number, Page[]>, domain: number, page: Page): void {
  const list = lists.get(domain)
  if (list === undefined) lists.set(domain, [page])
  else list.push(page)
}

/**
 * Brings the pages from where they lie to where a placement wants them, a few at a time: mapped at
 * the new holder first, unmapped at the old one later, never without a holder. Knows nothing of how
 * bytes travel; the directory tells it what is under way.
 */
import { defined } from '../base/assert.js'
import { heldBytes, type RegionPages } from './capacity.js'
import type { Directory, Move } from './directory.js'
import type { HolderTable, Page } from './holder-table.js'

export type MigrationLimits = {
  /** Of all pages that are being mapped; one page always may be. */
  readonly bytesInFlight: number
  /** Pages under way to or from one domain. */
  readonly movesPerDomain: number
}

export type MigrationOptions = {
  readonly wanted: HolderTable
  readonly regions: readonly RegionPages[]
  readonly limits: MigrationLimits
  /** What each domain can hold, by id; others are sent nothing. */
  readonly capacityBytes: ReadonlyMap<number, number>
}

/** What one entry still needs. */
type Need = { readonly adds: readonly number[]; readonly drops: readonly number[] }

/** Entries looked at in vain before the rest is left to the next time, which bounds each look. */
const LOOKS_MAX = 512

export class Migration {
  readonly #options: MigrationOptions
  /** Entries that may differ from what is wanted; those without any holder apart. */
  #pending: number[]
  #urgent: number[] | undefined
  /** Entries that once took a detour over a third domain: none does so twice. */
  readonly #hopped = new Set<number>()
  #stuck: readonly Page[] = []

  constructor(options: MigrationOptions) {
    this.#options = options
    this.#pending = Array.from({ length: options.wanted.entries }, (_, entry) => entry)
  }

  /** Entries that are not yet known to lie as wanted. */
  get pending(): number {
    return this.#pending.length + (this.#urgent?.length ?? 0)
  }

  /** Pages that cannot get where they should, for want of room; known when nothing moves. */
  get stuck(): readonly Page[] {
    return this.#stuck
  }

  /**
   * Moves to stage now. None while the limits are reached, and none when all is done or stuck; call
   * it again after each commit, failure, or release of the directory.
   */
  next(directory: Directory): Move[] {
    this.#stuck = []
    const round = new Round(directory, this.#options)
    this.#urgent ??= this.#takeUrgent(round, directory)
    this.#urgent = this.#look(this.#urgent, round, Number.POSITIVE_INFINITY)
    this.#pending = this.#look(this.#pending, round, LOOKS_MAX)
    if (round.moves.length === 0 && directory.isQuiet && this.pending > 0) {
      const all = [...this.#urgent, ...this.#pending]
      this.#urgent = []
      this.#pending = this.#look(all, round, Number.POSITIVE_INFINITY)
      if (round.moves.length === 0 && this.#pending.length > 0) this.#unblock(round, directory)
    }
    return round.moves
  }

  /** Pages without a holder go first, then those with few. */
  #takeUrgent(round: Round, directory: Directory): number[] {
    const differing = this.#pending.filter((entry) => round.isOpen(entry))
    const count = (entry: number): number => directory.table.count(entry)
    this.#pending = differing.filter((entry) => count(entry) > 0)
    this.#pending.sort((a, b) => Math.min(count(a), 2) - Math.min(count(b), 2) || a - b)
    return differing.filter((entry) => count(entry) === 0)
  }

  /** Moves what can be moved of some entries; returns those still to be looked at. */
  #look(entries: readonly number[], round: Round, looksMax: number): number[] {
    const vain: number[] = []
    let at = 0
    for (; at < entries.length && vain.length < looksMax && !round.isFull; at++) {
      const entry = defined(entries[at], 'an entry')
      if (!round.isOpen(entry)) continue
      round.tryMove(entry)
      vain.push(entry)
    }
    return [...entries.slice(at), ...vain]
  }

  /** Full domains wait for each other: lets go of a surplus replica, or takes a detour. */
  #unblock(round: Round, directory: Directory): void {
    for (const entry of this.#pending) if (round.tryDrop(entry)) return
    for (const entry of this.#pending) {
      if (this.#hopped.has(entry) || !round.tryHop(entry)) continue
      this.#hopped.add(entry)
      return
    }
    this.#stuck = this.#pending.map((entry) => directory.table.page(entry))
  }
}

/** One look at the directory: what is under way, what room there is, and the moves made of it. */
class Round {
  readonly moves: Move[] = []
  readonly #directory: Directory
  readonly #options: MigrationOptions
  readonly #busyEntries = new Set<number>()
  readonly #movesOf = new Map<number, number>()
  readonly #freeBytes = new Map<number, number>()
  #bytesInFlight = 0

  constructor(directory: Directory, options: MigrationOptions) {
    this.#directory = directory
    this.#options = options
    for (const move of directory.stagedMoves()) this.#account(move)
    for (const [domain, capacity] of options.capacityBytes) {
      const pages = directory.occupied(domain)
      const used = heldBytes(options.regions, (region) => pages[region] ?? 0)
      this.#freeBytes.set(domain, capacity - used)
    }
  }

  /** Nothing more can be moved now. */
  get isFull(): boolean {
    return this.#bytesInFlight >= this.#options.limits.bytesInFlight
  }

  /**
   * What is under way, maybe for an earlier placement, may make an entry differ when it is there.
   */
  isOpen(entry: number): boolean {
    const { adds, drops } = this.#need(entry)
    return adds.length > 0 || drops.length > 0 || this.#busyEntries.has(entry)
  }

  #need(entry: number): Need {
    const { wanted } = this.#options
    // A page that nobody is to take stays with whoever has it.
    if (wanted.count(entry) === 0) return { adds: [], drops: [] }
    const actual = this.#directory.table.holdersOf(entry)
    return {
      adds: wanted.holdersOf(entry).filter((domain) => !actual.includes(domain)),
      drops: actual.filter((domain) => !wanted.has(entry, domain)),
    }
  }

  /** Maps a page elsewhere, or lets go of replicas when all wanted ones are there. */
  tryMove(entry: number): void {
    if (this.#busyEntries.has(entry)) return
    const { adds, drops } = this.#need(entry)
    if (adds.length === 0) {
      for (const from of drops) this.#push({ ...this.#directory.table.page(entry), from })
      return
    }
    for (const to of adds) if (this.#tryMap(entry, { to, drops })) return
  }

  #tryMap(entry: number, { to, drops }: { to: number; drops: readonly number[] }): boolean {
    const page = this.#directory.table.page(entry)
    const bytes = this.#pageBytes(page.region)
    const { bytesInFlight } = this.#options.limits
    const isOver = this.#bytesInFlight > 0 && this.#bytesInFlight + bytes > bytesInFlight
    if (isOver || (this.#freeBytes.get(to) ?? 0) < bytes || this.#isBusy(to)) return false
    const isFull = this.#directory.table.count(entry) >= this.#directory.replicas
    const from = drops.find((domain) => !this.#isBusy(domain))
    if (from === undefined && (isFull || drops.length > 0)) return false
    this.#push(from === undefined ? { ...page, to } : { ...page, to, from })
    this.#freeBytes.set(to, (this.#freeBytes.get(to) ?? 0) - bytes)
    return true
  }

  /** True when a page of several holders lets go of one before the new one is there. */
  tryDrop(entry: number): boolean {
    const [from] = this.#need(entry).drops
    if (from === undefined || this.#directory.table.count(entry) < 2) return false
    this.#push({ ...this.#directory.table.page(entry), from })
    return true
  }

  /** True when a page moves to a third domain, which makes room for what waits for its place. */
  tryHop(entry: number): boolean {
    const { drops } = this.#need(entry)
    for (const [third, free] of this.#freeBytes) {
      const page = this.#directory.table.page(entry)
      const hasRoom = free >= this.#pageBytes(page.region)
      if (!hasRoom || drops.length === 0 || this.#directory.table.has(entry, third)) continue
      return this.#tryMap(entry, { to: third, drops })
    }
    return false
  }

  #push(move: Move): void {
    this.moves.push(move)
    this.#account(move)
  }

  #account(move: Move): void {
    this.#busyEntries.add(this.#directory.table.entry(move.region, move.expert))
    for (const domain of [move.to, move.from]) {
      if (domain === undefined) continue
      this.#movesOf.set(domain, (this.#movesOf.get(domain) ?? 0) + 1)
    }
    if (move.to !== undefined) this.#bytesInFlight += this.#pageBytes(move.region)
  }

  #isBusy(domain: number): boolean {
    return (this.#movesOf.get(domain) ?? 0) >= this.#options.limits.movesPerDomain
  }

  #pageBytes(region: number): number {
    return defined(this.#options.regions[region], 'region of a page').pageBytes
  }
}

/**
 * Brings pages to where they should lie whenever that changes: makes a placement of who is there,
 * moves a few pages at a time, backs off from domains that cannot take any. Pure; knows nothing of
 * leases and links.
 */
import type { SputnikError } from '../base/errors.js'
import { holdersOf, type TrafficRequest, tableOf } from '../pages/better-placement.js'
import {
  type CardCapacity,
  type DomainCapacity,
  heldBytes,
  type RegionPages,
  UNMEASURED_SPEED,
  usableBytes,
} from '../pages/capacity.js'
import type { Directory } from '../pages/directory.js'
import type { HolderTable, Page } from '../pages/holder-table.js'
import { Migration } from '../pages/migration.js'
import type { FleetDomain } from './fleet-domain.js'
import { MOVES } from './limits.js'
import { PageMoves } from './page-moves.js'
import { wantedPlacement } from './placer.js'

export type RelocationOptions = {
  readonly directory: Directory
  readonly regions: readonly RegionPages[]
  readonly replicas: number
  readonly domains: readonly (FleetDomain | undefined)[]
  /** Of the cards of the head's host. */
  readonly own: readonly number[]
  /** Memory for pages of each of them. */
  readonly ownBytes: number
  /** They hold only what no domain that joined has room for. */
  readonly isSpare: boolean
  /** Domains that are to hold pages, with their cards. */
  readonly members: () => readonly DomainCapacity[]
  readonly popularity: readonly Float32Array[]
  readonly onFailed: (domain: FleetDomain, reason: string, pages: number) => void
  /** A domain has lost so many pages; nothing points at them there any more. */
  readonly onGone: (domain: FleetDomain, pages: number) => void
  /** The placement is reached; some pages may have found no room. */
  readonly onMoved: (stuck: number) => void
}

type Rooms = { readonly members: DomainCapacity[]; readonly spares: DomainCapacity[] }

/** Between two looks at what else can move. */
const LOOK_MS = 20
/** So long a domain that could not take pages is given no more than it has. */
const FULL_MS = 30_000
/** The same when something else is in the way, such as a source that fails. */
const RETRY_MS = 2_000

export class Relocation {
  readonly #options: RelocationOptions
  readonly #moves: PageMoves
  readonly #full = new Map<number, { readonly bytes: number; readonly untilMs: number }>()
  #migration: Migration | undefined
  #lookedMs = Number.NEGATIVE_INFINITY
  #isDue = false
  #nowMs = 0

  constructor(options: RelocationOptions) {
    const { directory, domains } = options
    this.#options = options
    this.#moves = new PageMoves({
      directory,
      domains,
      onFailed: (domain, error, pages) => this.#mapFailed(domain, error, pages),
      onGone: (domain, pages) => {
        this.#isDue = true
        options.onGone(domain, pages)
      },
    })
  }

  /** Pages on their way. */
  get moving(): number {
    return this.#moves.pages
  }

  /** Pages that do not lie where the placement wants them. */
  get toMove(): number {
    return this.#migration?.pending ?? 0
  }

  /** Somebody came, went, or is to give its pages away. */
  ask(): void {
    this.#isDue = true
  }

  /** Whether a domain has said, lately or just now, that some of these pages are gone. */
  isExcused(domain: FleetDomain, pages: readonly Page[]): boolean {
    this.#moves.hear(domain)
    return pages.some((page) => this.#options.directory.isGone(page, domain.id))
  }

  /** A domain is gone. */
  forget(domain: FleetDomain): void {
    this.#full.delete(domain.id)
    this.#moves.forget(domain)
    this.#isDue = true
  }

  /** True when the placement changed. */
  tick(now: number): boolean {
    this.#nowMs = now
    const isChanged = this.#moves.tick()
    this.#tryAgain(now)
    if (this.#isDue) this.#replace()
    if (now - this.#lookedMs >= LOOK_MS) this.#look(now)
    return isChanged
  }

  /** Domains that could not take pages may be able to by now. */
  #tryAgain(now: number): void {
    for (const [id, { untilMs }] of this.#full) {
      if (now < untilMs) continue
      this.#full.delete(id)
      this.#isDue = true
    }
  }

  /** All is where it should be, and what a better placement would have to go by. */
  traffic(samples: TrafficRequest['samples']): TrafficRequest | undefined {
    const { regions, directory, popularity } = this.#options
    const { members } = this.#rooms()
    if (this.#isDue || this.#migration !== undefined || members.length < 2) return undefined
    const replicas = Math.min(this.#options.replicas, members.length)
    const holders = holdersOf(directory.copy())
    return { regions, domains: members, replicas, popularity, samples, holders }
  }

  /**
   * Moves pages to where a placement of the same domains wants them; not when somebody came, went
   * or drains since it was thought of.
   */
  relocate(holders: readonly (readonly number[])[]): void {
    if (this.#isDue || this.#migration !== undefined) return
    const { regions, replicas } = this.#options
    this.#begin(tableOf({ regions, replicas }, holders), this.#rooms())
  }

  #replace(): void {
    this.#isDue = false
    const { regions, replicas, directory, popularity } = this.#options
    const current = directory.copy()
    const rooms = this.#rooms()
    this.#begin(wantedPlacement({ ...{ regions, replicas, popularity, current }, ...rooms }), rooms)
  }

  #rooms(): Rooms {
    const { own, isSpare, ownBytes: memoryBytes } = this.#options
    const ours = own.map((id) =>
      this.#bounded({ id, cards: [{ memoryBytes, speed: UNMEASURED_SPEED }] }),
    )
    const joined = this.#options.members().map((member) => this.#bounded(member))
    return { members: isSpare ? joined : [...ours, ...joined], spares: isSpare ? ours : [] }
  }

  #begin(wanted: HolderTable, { members, spares }: Rooms): void {
    const { regions } = this.#options
    const sizes = regions.map(({ pageBytes }) => pageBytes)
    this.#migration = new Migration({
      ...{ wanted, regions },
      limits: MOVES,
      capacityBytes: new Map(
        [...members, ...spares].map((domain) => [domain.id, usableBytes(domain, sizes)]),
      ),
    })
    this.#lookedMs = Number.NEGATIVE_INFINITY
  }

  /** A domain that was full lately has no more room than it uses. */
  #bounded({ id, cards }: DomainCapacity): DomainCapacity {
    const full = this.#full.get(id)
    if (full === undefined) return { id, cards }
    // As one card: how its pages lie on several is the domain's own affair.
    const memoryBytes = Math.min(full.bytes, bytesOf(cards))
    return { id, cards: cards.slice(0, 1).map(({ speed }) => ({ memoryBytes, speed })) }
  }

  #look(now: number): void {
    const migration = this.#migration
    if (migration === undefined) return
    this.#lookedMs = now
    const { directory, onMoved } = this.#options
    const moves = migration.next(directory)
    this.#moves.start(moves)
    if (moves.length > 0 || this.moving > 0 || !directory.isQuiet) return
    this.#migration = undefined
    onMoved(migration.stuck.length)
  }

  #mapFailed(domain: FleetDomain, { code, message }: SputnikError, pages: number): void {
    const { directory, regions, onFailed } = this.#options
    const occupied = directory.occupied(domain.id)
    const bytes = heldBytes(regions, (region) => occupied[region] ?? 0)
    const waitMs = code === 'CARD_FULL' ? FULL_MS : RETRY_MS
    this.#full.set(domain.id, { bytes, untilMs: this.#nowMs + waitMs })
    this.#isDue = true
    onFailed(domain, message, pages)
  }
}

function bytesOf(cards: readonly CardCapacity[]): number {
  return cards.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
}

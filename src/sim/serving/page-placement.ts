/**
 * Who holds which expert in a simulated fleet, and how that changes when domains come and go: the
 * fleet's own directory, placement and migration, driven by simulated time.
 */

import { MOVES } from '../../fleet/limits.js'
import { wantedPlacement } from '../../fleet/placer.js'
import type { DomainCapacity, RegionPages } from '../../pages/capacity.js'
import { usableBytes } from '../../pages/capacity.js'
import { Directory } from '../../pages/directory.js'
import type { HolderTable } from '../../pages/holder-table.js'
import { Migration } from '../../pages/migration.js'
import { placePages } from '../../pages/placement.js'
import { type LoadingDomain, PageLoader } from './page-loader.js'

export type PlacementOptions = {
  readonly regions: readonly RegionPages[]
  /** Ids count from 0. */
  readonly domains: readonly (DomainCapacity & LoadingDomain)[]
  readonly replicas: number
  /** What the placement goes by; without it all experts count as alike. */
  readonly popularity: readonly Float32Array[] | undefined
  readonly hasOrigin: boolean
  readonly headBytesPerSecond: number
}

export class PagePlacement {
  readonly directory: Directory
  readonly #options: PlacementOptions
  readonly #loader: PageLoader
  readonly #isThere: boolean[]
  #migration: Migration | undefined
  #orphansSinceS: number | undefined

  /** @throws SputnikError PLACEMENT_FULL */
  constructor(options: PlacementOptions) {
    const { regions, domains, replicas, popularity } = options
    this.#options = options
    this.#isThere = domains.map(() => true)
    this.directory = new Directory(regions, replicas)
    const { table } = this.directory
    this.#loader = new PageLoader({
      ...options,
      entries: table.entries,
      entryOf: (region, expert) => table.entry(region, expert),
    })
    const request = { regions, domains, replicas }
    this.#begin(placePages(popularity === undefined ? request : { ...request, popularity }))
  }

  /** Everybody has what the placement gives them from the start. */
  #begin(placed: HolderTable): void {
    for (const { id } of this.#options.domains) {
      const pages = Array.from({ length: placed.entries }, (_, entry) => entry)
        .filter((entry) => placed.has(entry, id))
        .map((entry) => {
          this.#loader.store(id, entry)
          return placed.page(entry)
        })
      this.directory.adopt(id, pages)
    }
  }

  get loadedBytes(): number {
    return this.#loader.loadedBytes
  }

  isThere(domain: number): boolean {
    return this.#isThere[domain] === true
  }

  /** Since when there are pages that nobody holds; undefined while there are none. */
  get orphansSinceS(): number | undefined {
    return this.#orphansSinceS
  }

  /** Whether every page of the domain has another holder, who answers. */
  isReplaceable(domain: number, answers: (domain: number) => boolean): boolean {
    const { table } = this.directory
    for (let entry = 0; entry < table.entries; entry++) {
      if (!table.has(entry, domain)) continue
      if (!table.holdersOf(entry).some((id) => id !== domain && answers(id))) return false
    }
    return true
  }

  /** The domain is gone, with all it had in memory. */
  lose(domain: number, now: number): void {
    this.#isThere[domain] = false
    this.#loader.leave(domain)
    this.directory.removeDomain(domain)
    this.#noteOrphans(now)
    this.#replace(now)
  }

  comeBack(domain: number, now: number): void {
    this.#isThere[domain] = true
    this.#loader.comeBack(domain)
    this.#replace(now)
  }

  /** When pages are loaded next. */
  get nextS(): number {
    return this.#loader.nextS
  }

  /** Takes what is loaded into the directory; true when the placement changed. */
  tick(now: number): boolean {
    for (const report of this.#loader.take(now)) this.directory.reportMapped(report)
    const isChanged = this.directory.commit()
    if (isChanged) this.#noteOrphans(now)
    this.#move(now)
    return isChanged
  }

  /** Makes a placement of who is there and begins to move pages. */
  #replace(now: number): void {
    const { regions, domains, replicas, popularity } = this.#options
    const members = domains.filter(({ id }) => this.isThere(id))
    const current = this.directory.copy()
    const request = { regions, replicas, members, spares: [], current }
    const wanted = wantedPlacement(popularity === undefined ? request : { ...request, popularity })
    this.#leaveOut(wanted)
    const sizes = regions.map(({ pageBytes }) => pageBytes)
    this.#migration = new Migration({
      ...{ wanted, regions, limits: MOVES },
      capacityBytes: new Map(members.map((domain) => [domain.id, usableBytes(domain, sizes)])),
    })
    this.#move(now)
  }

  /** Pages that nobody has are wanted nowhere, until somebody comes back with them. */
  #leaveOut(wanted: HolderTable): void {
    for (const { region, expert } of this.directory.orphans()) {
      const entry = wanted.entry(region, expert)
      if (this.#loader.canLoad(entry)) continue
      for (const domain of wanted.holdersOf(entry)) wanted.remove(entry, domain)
    }
  }

  #move(now: number): void {
    const migration = this.#migration
    if (migration === undefined) return
    const moves = migration.next(this.directory)
    if (moves.length > 0) this.directory.stage(moves)
    for (const message of this.directory.takeOutbox()) {
      if (message.kind === 'map') this.#loader.load(message, now)
    }
    if (moves.length === 0 && this.directory.isQuiet) this.#migration = undefined
  }

  #noteOrphans(now: number): void {
    const isAny = this.directory.orphans().length > 0
    this.#orphansSinceS = isAny ? (this.#orphansSinceS ?? now) : undefined
  }
}

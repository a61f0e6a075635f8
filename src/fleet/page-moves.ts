/**
 * Moves pages between domains while steps run: tells domains to map what the directory has staged,
 * takes their answers, lets the directory point at what is there. What a domain is to unmap makes
 * room for what it is to map, so it is told of that only when the room is there. Knows nothing of
 * links.
 */
import type { SputnikError } from '../base/errors.js'
import { MAP_PAGES_MAX, type MapAnswer } from '../fabric/control.js'
import type { Directory, DirectoryMessage, Move } from '../pages/directory.js'
import type { FleetDomain } from './fleet-domain.js'

export type PageMovesOptions = {
  readonly directory: Directory
  readonly domains: readonly (FleetDomain | undefined)[]
  readonly onFailed: (domain: FleetDomain, error: SputnikError, pages: number) => void
  /** So many pages that the directory pointed at are gone there. */
  readonly onGone: (domain: FleetDomain, pages: number) => void
}

type MapMessage = DirectoryMessage & { readonly kind: 'map' }

/** What one domain is told. */
type Talk = {
  /** In order, not sent yet. */
  readonly waiting: DirectoryMessage[]
  /** Not answered yet, by the number of the answer. */
  readonly maps: Map<number, MapMessage>
  readonly unmaps: Set<number>
}

export class PageMoves {
  readonly #options: PageMovesOptions
  readonly #talks = new Map<FleetDomain, Talk>()

  constructor(options: PageMovesOptions) {
    this.#options = options
  }

  /** Pages that were asked for, or are to be, and are not there yet. */
  get pages(): number {
    let sum = 0
    for (const { waiting, maps } of this.#talks.values()) {
      for (const { kind, pages } of waiting) if (kind === 'map') sum += pages.length
      for (const { pages } of maps.values()) sum += pages.length
    }
    return sum
  }

  start(moves: readonly Move[]): void {
    if (moves.length > 0) this.#options.directory.stage(moves)
    this.#send()
  }

  /** Looks at all answers; true when the placement changed. */
  tick(): boolean {
    for (const domain of this.#options.domains) if (domain !== undefined) this.hear(domain)
    const isChanged = this.#options.directory.commit()
    this.#send()
    return isChanged
  }

  /** A domain is gone, and with it what it was asked. */
  forget(domain: FleetDomain): void {
    this.#talks.delete(domain)
  }

  /** Takes in what a domain has said of pages. */
  hear(domain: FleetDomain): void {
    const { directory, onGone } = this.#options
    for (const news of domain.takeAnswers()) {
      if (!('gone' in news)) this.#takeAnswer(domain, news)
      else {
        const pages = directory.reportGone(domain.id, news.gone)
        if (pages > 0) onGone(domain, pages)
      }
    }
  }

  #takeAnswer(domain: FleetDomain, { id, error }: MapAnswer): void {
    const { directory, onFailed } = this.#options
    const { maps, unmaps } = this.#talk(domain)
    unmaps.delete(id)
    const map = maps.get(id)
    if (map === undefined) return
    maps.delete(id)
    if (error === undefined) directory.reportMapped(map)
    else {
      directory.reportFailed(map)
      onFailed(domain, error, map.pages.length)
    }
  }

  #send(): void {
    const { directory, domains } = this.#options
    for (const message of directory.takeOutbox()) {
      const domain = domains[message.domain]
      if (domain !== undefined) this.#enqueue(this.#talk(domain), message)
    }
    for (const [domain, talk] of this.#talks) this.#sendTo(domain, talk)
  }

  #enqueue({ waiting }: Talk, message: DirectoryMessage): void {
    const { pages } = message
    for (let at = 0; at < pages.length; at += MAP_PAGES_MAX) {
      waiting.push({ ...message, pages: pages.slice(at, at + MAP_PAGES_MAX) })
    }
  }

  #sendTo(domain: FleetDomain, { waiting, maps, unmaps }: Talk): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (next.kind === 'map' && unmaps.size > 0) return
      waiting.shift()
      if (next.kind === 'unmap') unmaps.add(domain.unmap(next.pages))
      else maps.set(domain.map(next.pages), next)
    }
  }

  #talk(domain: FleetDomain): Talk {
    const known = this.#talks.get(domain)
    if (known !== undefined) return known
    const talk: Talk = { waiting: [], maps: new Map(), unmaps: new Set() }
    this.#talks.set(domain, talk)
    return talk
  }
}

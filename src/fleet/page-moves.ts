/**
 * Moves pages between domains while steps run: tells domains to map what the directory has staged,
 * takes their answers, lets the directory point at what is there. Knows nothing of links.
 */
import type { SputnikError } from '../base/errors.js'
import { MAP_PAGES_MAX, type PageAt } from '../fabric/control.js'
import type { Directory, Move } from '../pages/directory.js'
import type { Page } from '../pages/holder-table.js'
import type { FleetDomain } from './fleet-domain.js'

type Asked = { readonly change: number; readonly pages: readonly Page[] }

export type PageMovesOptions = {
  readonly directory: Directory
  readonly domains: readonly (FleetDomain | undefined)[]
  readonly onFailed: (domain: FleetDomain, error: SputnikError, pages: number) => void
}

export class PageMoves {
  readonly #options: PageMovesOptions
  /** By domain, then by the number of the answer. */
  readonly #asked = new Map<FleetDomain, Map<number, Asked>>()

  constructor(options: PageMovesOptions) {
    this.#options = options
  }

  /** Pages that were asked for and are not there yet. */
  get pages(): number {
    let sum = 0
    for (const asked of this.#asked.values()) {
      for (const { pages } of asked.values()) sum += pages.length
    }
    return sum
  }

  start(moves: readonly Move[]): void {
    if (moves.length > 0) this.#options.directory.stage(moves)
    this.#send()
  }

  /** Looks at all answers; true when the placement changed. */
  tick(): boolean {
    for (const domain of this.#options.domains) if (domain !== undefined) this.#takeAnswers(domain)
    const isChanged = this.#options.directory.commit()
    this.#send()
    return isChanged
  }

  /** A domain is gone, and with it what it was asked. */
  forget(domain: FleetDomain): void {
    this.#asked.delete(domain)
  }

  #takeAnswers(domain: FleetDomain): void {
    const asked = this.#asked.get(domain)
    for (const { id, error } of domain.takeAnswers()) {
      const what = asked?.get(id)
      if (what === undefined) continue
      asked?.delete(id)
      const report = { ...what, domain: domain.id }
      if (error === undefined) this.#options.directory.reportMapped(report)
      else {
        this.#options.directory.reportFailed(report)
        this.#options.onFailed(domain, error, what.pages.length)
      }
    }
  }

  #send(): void {
    const { directory, domains } = this.#options
    for (const message of directory.takeOutbox()) {
      const domain = domains[message.domain]
      if (domain === undefined) continue
      for (let at = 0; at < message.pages.length; at += MAP_PAGES_MAX) {
        const pages: PageAt[] = message.pages.slice(at, at + MAP_PAGES_MAX)
        if (message.kind === 'unmap') domain.unmap(pages)
        else this.#note(domain, domain.map(pages), { change: message.change, pages })
      }
    }
  }

  #note(domain: FleetDomain, id: number, asked: Asked): void {
    const all = this.#asked.get(domain) ?? new Map<number, Asked>()
    this.#asked.set(domain, all)
    all.set(id, asked)
  }
}

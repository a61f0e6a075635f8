/**
 * Where a domain of the simulation gets its pages from: a local copy, or sources that may fail or
 * give wrong bytes, which a hash finds out. Pages that came once are on disk.
 */
import { SputnikError } from '../../src/base/errors.js'
import type { SupplyAnswer } from '../../src/domain/supply.js'
import type { PageAt } from '../../src/fabric/control.js'
import { contentOf, type IntegerModel } from './integer-model.js'
import type { DomainPlan } from './scenario.js'
import type { Sim } from './sim.js'

export type PageSupplyOptions = {
  readonly sim: Sim
  readonly model: IntegerModel
  readonly plan: DomainPlan
  readonly disk: Map<string, number>
  readonly answer: (answers: readonly SupplyAnswer[], badPages: number) => void
}

const DISK_MS = 0.2
const TRIES_MAX = 3
/** Most pages that come at the same moment. */
const BATCH_MAX = 8

export class PageSupply {
  readonly #options: PageSupplyOptions
  /** Files that are gone, though the supply does not know it. */
  readonly #unreadable = new Set<string>()
  /** Of the copy of the model, by those that found out. */
  readonly #missing = new Set<string>()
  #isClosed = false
  #badPages = 0
  /** Of answers of the sources, while they are bad. */
  failShare = 0
  wrongShare: number

  constructor(options: PageSupplyOptions) {
    this.#options = options
    this.wrongShare = options.plan.wrongShare
  }

  want(pages: readonly PageAt[]): void {
    const { sim, plan } = this.#options
    const size = 1 + sim.prng.nextBelow(BATCH_MAX)
    let ms = 0
    for (let at = 0; at < pages.length; at += size) {
      const batch = pages.slice(at, at + size)
      const areThere = batch.every((page) => this.#isThere(page))
      ms += batch.length * (areThere ? DISK_MS : plan.fetchMs * sim.between(0.5, 1.5))
      sim.after(ms, () => {
        if (this.#isClosed) return
        const answers = batch.map((page) => this.#come(page))
        this.#options.answer(answers, this.#badPages)
      })
    }
  }

  /** Cards cannot read them. */
  reject(pages: readonly PageAt[]): void {
    for (const page of pages) {
      this.#options.sim.counts.add('pages rejected')
      this.#unreadable.delete(keyOf(page))
      this.#missing.add(keyOf(page))
      this.#options.disk.delete(keyOf(page))
    }
  }

  /** The files of some pages are gone. */
  lose(isLost: () => boolean): void {
    this.#options.model.regions.forEach(({ experts }, region) => {
      for (let expert = 0; expert < experts; expert++) {
        const key = keyOf({ region, expert })
        if (this.#isThere({ region, expert }) && isLost()) this.#unreadable.add(key)
      }
    })
  }

  /** Whether a card finds the page where it was said to be. */
  isReadable(page: PageAt): boolean {
    return !this.#unreadable.has(keyOf(page))
  }

  close(): void {
    this.#isClosed = true
  }

  #isThere(page: PageAt): boolean {
    return this.#isInCopy(page) || this.#options.disk.has(keyOf(page))
  }

  #isInCopy(page: PageAt): boolean {
    return this.#options.plan.hasCopy && !this.#missing.has(keyOf(page))
  }

  /** Whether a page hashes to what it should. */
  isRight({ region, expert }: PageAt, content: number): boolean {
    return content === contentOf(region, expert)
  }

  #come(page: PageAt): SupplyAnswer {
    const { sim, disk } = this.#options
    const key = keyOf(page)
    const offset = this.#isThere(page) ? disk.get(key) : this.#fetch(page)
    if (offset === undefined && !this.#isInCopy(page)) {
      sim.counts.add('pages failed')
      const error = new SputnikError('PAGE_UNAVAILABLE', 'no source gives this page')
      return { kind: 'failed', ...page, error }
    }
    if (offset === undefined) return { kind: 'ready', page: { ...page, source: null } }
    disk.set(key, offset)
    return { kind: 'ready', page: { ...page, source: { file: 'store', offset } } }
  }

  /** What is in the page as it came; a wrong one is fetched again from elsewhere. */
  #fetch(page: PageAt): number | undefined {
    const { sim } = this.#options
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (this.failShare > 0 && sim.chance(this.failShare)) return undefined
      const isSpoilt = this.wrongShare > 0 && sim.chance(this.wrongShare)
      const content = contentOf(page.region, page.expert) + (isSpoilt ? 1 : 0)
      if (this.isRight(page, content)) return content
      this.#badPages++
      sim.counts.add('wrong pages')
    }
    return undefined
  }
}

function keyOf({ region, expert }: PageAt): string {
  return `${region}.${expert}`
}

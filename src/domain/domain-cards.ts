/**
 * The cards of a domain from their start to their service: what each is told to load and what its
 * experts compute, who is silent for too long, who is started again. Pure; knows no dispatches.
 */
import { defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import { pageBytes } from '../card/check-region.js'
import { helloSchema, type Load, type LoadRegion, readControl } from '../fabric/control.js'
import { FRAME, PROTOCOL_VERSION } from '../fabric/frame.js'
import type { TableCard, TableRegion } from '../pages/domain-table.js'
import { CardLife, type CardPhase } from './card-life.js'
import type { Outbox } from './outbox.js'

export type CardSpec = TableCard & { readonly device: string; readonly threads: number }

/** What all cards load: regions without pages, and the files of the local copy, if there is one. */
export type DomainLoad = {
  readonly files: readonly string[]
  readonly regions: readonly LoadRegion[]
}

/** What the page table knows of them. */
export function tableRegions({ regions }: DomainLoad): TableRegion[] {
  return regions.map((region) => ({ experts: region.experts, pageBytes: pageBytes(region) }))
}

export type DomainCardsOptions = {
  readonly load: DomainLoad
  readonly cards: readonly CardSpec[]
  readonly outbox: Outbox
  readonly now: number
}

export class DomainCards {
  readonly #options: DomainCardsOptions
  readonly #lives: readonly CardLife[]
  #records: readonly ExpertRecord[] | undefined
  /** Why the domain cannot serve: a card never came up. */
  failure: SputnikError | undefined

  constructor(options: DomainCardsOptions) {
    this.#options = options
    this.#lives = options.cards.map(() => new CardLife(options.now))
  }

  phase(card: number): CardPhase {
    return this.#of(card).phase
  }

  /** Cards that nobody is to wait for any longer, for themselves or for some of their pages. */
  late(now: number): number[] {
    return this.#lives.flatMap((life, card) => (life.isLate(now) ? [card] : []))
  }

  /** Nobody waits for the card to come back. */
  giveUp(card: number): void {
    this.#of(card).isGivenUp = true
  }

  /** It has its pages again. */
  restored(card: number): void {
    this.#of(card).restored()
  }

  /** Whether all cards have taken in what there is to load. */
  get isLoaded(): boolean {
    return this.#lives.every(({ phase }) => phase !== 'starting' && phase !== 'loading')
  }

  /** Whether all cards that are not given up know what their experts compute. */
  get isServing(): boolean {
    return this.#lives.every(({ phase, isGivenUp }) => phase === 'serving' || isGivenUp)
  }

  /** Cards learn it now, others when they have come so far. */
  learn(records: readonly ExpertRecord[], now: number): void {
    this.#records = records
    this.#lives.forEach(({ phase }, card) => {
      if (phase === 'loaded' || phase === 'serving') this.#teach(card, now)
    })
  }

  /** @throws SputnikError when what the card says is not what it should say */
  hello(card: number, { bytes, now }: { bytes: Uint8Array; now: number }): void {
    const { protocol } = readControl(bytes, helloSchema)
    const isExpected = this.phase(card) === 'starting' && protocol === PROTOCOL_VERSION
    if (!isExpected) throw new SputnikError('CARD_FAILED', `card ${card} says hello strangely`)
    this.#of(card).enter('loading', now)
    this.#options.outbox.tellCard(card, FRAME.load, this.#load(card))
  }

  /** @throws SputnikError when the card was not asked for anything */
  ready(card: number, now: number): void {
    const life = this.#of(card)
    if (life.phase === 'loading') {
      life.enter('loaded', now)
      this.#teach(card, now)
    } else if (life.phase === 'learning') life.enter('serving', now)
    else throw new SputnikError('CARD_FAILED', `card ${card} is ready for nothing`)
  }

  heard(card: number, now: number): void {
    this.#of(card).heard(now)
  }

  /** A card that never served and cannot start will not, so the domain cannot either. */
  lost(card: number, { now, error }: { now: number; error: SputnikError }): void {
    const life = this.#of(card)
    life.lost(now)
    if (!life.hasServed) this.failure ??= error
  }

  /** Starts cards whose rest is over; gives those that are silent for too long. */
  tick(now: number): number[] {
    const silent: number[] = []
    this.#lives.forEach((life, card) => {
      if (life.isSilent(now)) silent.push(card)
      else if (life.isToStart(now)) {
        life.enter('starting', now)
        this.#options.outbox.restart(card)
      }
    })
    return silent
  }

  #teach(card: number, now: number): void {
    if (this.#records === undefined) return
    this.#of(card).enter('learning', now)
    this.#options.outbox.tellCard(card, FRAME.records, { records: this.#records })
  }

  #load(card: number): Load {
    const { device, threads, slots } = defined(this.#options.cards[card], 'a card')
    const { files, regions } = this.#options.load
    return {
      files: [...files],
      ...{ device, threads },
      regions: regions.map((region, at) => ({ ...region, pages: [], slots: slots[at] ?? 0 })),
    }
  }

  #of(card: number): CardLife {
    return defined(this.#lives[card], 'a card')
  }
}

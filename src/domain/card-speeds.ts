/** Which card of a domain is to be measured now, on which pages, and what has come of it. Pure. */
import { defined } from '../base/assert.js'
import type { ExpertRecord } from '../base/expert.js'
import type { DomainTable } from '../pages/domain-table.js'
import { CardSpeed, type SpeedPoint, type TestDispatch } from './card-speed.js'
import type { FramePool } from './frame-pool.js'

export type SpeedSource = {
  readonly pool: FramePool
  record(region: number): ExpertRecord | undefined
}

export class CardSpeeds {
  readonly #table: DomainTable
  readonly #speeds: readonly CardSpeed[]

  constructor(table: DomainTable) {
    this.#table = table
    this.#speeds = table.cards.map(() => new CardSpeed())
  }

  points(card: number): SpeedPoint[] {
    return [...this.#of(card).points]
  }

  /** What to ask a card that has nothing else to do. */
  next(card: number, { now, work }: { now: number; work: SpeedSource }): TestDispatch | undefined {
    const speed = this.#of(card)
    if (speed.isOver) return undefined
    const region = this.#table.richestRegion(card)
    const record = work.record(region)
    if (record === undefined) return undefined
    const { nUsed } = record
    const experts = this.#table.mappedExperts(card, { region, max: nUsed })
    if (!speed.isDue(now, { pages: experts.length, nUsed })) return undefined
    return speed.next(record, { card, region, experts, pool: work.pool })
  }

  note(card: number, computeUs: number): void {
    const speed = this.#of(card)
    speed.note(computeUs)
    if (speed.pairUs !== undefined) this.#table.setSpeed(card, speed.pairUs)
  }

  stop(card: number): void {
    this.#of(card).stop()
  }

  #of(card: number): CardSpeed {
    return defined(this.#speeds[card], 'a card')
  }
}

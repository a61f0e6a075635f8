/**
 * What a million output tokens cost of home fleets and of racks, by users at once. Knows nothing of
 * how they are compared.
 */
import { defined } from '../../src/base/assert.js'
import { findCard } from '../../src/plan/catalog/catalogue.js'
import { latestPrice } from '../../src/plan/catalog/prices.js'
import type { Rack } from '../../src/plan/catalog/racks.js'
import { isPlan } from '../../src/plan/cost/cost-plan.js'
import { figuresAt, maxBatch, meetsLimits } from '../../src/plan/cost/figures.js'
import type { PartTimes } from '../../src/plan/cost/load.js'
import { modelWork } from '../../src/plan/cost/model-work.js'
import { COST_OPTIONS, type CostOptions } from '../../src/plan/cost/options.js'
import { layOutFor } from '../../src/plan/cost/quick.js'
import { fleetCost, workHourUsd } from '../../src/plan/economics/fleet-cost.js'
import type { NicOffer } from '../../src/plan/economics/nic-prices.js'
import { usdPerMtok } from '../../src/plan/economics/token-cost.js'
import { type Fleet, type Host, hostCards } from '../../src/plan/fleet/fleet.js'
import { rackFleet } from '../../src/plan/fleet/rack-fleet.js'
import { WIRE_BYTES } from '../../src/plan/fleet/wire-format.js'
import type { ModelShape } from '../../src/plan/model/shape.js'
import { timesRack } from '../../src/plan/report/make-alternatives.js'
import { fleetOf, type Group, groupsOf } from '../../src/plan/search/candidates.js'
import { defaultSpace, type SearchSpace } from '../../src/plan/search/space.js'
import type { Workload } from '../../src/plan/workload.js'

export type Terms = 'own' | 'rent'

export type Point = {
  readonly batch: number
  readonly tpotS: number
  readonly outputTokensPerSecond: number
  readonly outputMtokUsd: number
  readonly meetsLimits: boolean
  /** Of one step. */
  readonly parts: PartTimes
}

export type Asked = {
  readonly model: ModelShape
  readonly workload: Workload
  readonly options?: CostOptions
}

/** Batches of the workload that have room; none when the model has none. */
export function pointsOf(
  fleet: Fleet,
  { model, workload, options = COST_OPTIONS }: Asked,
): Point[] {
  const work = modelWork(model, options)
  const plan = layOutFor({ model, fleet, workload, options, work })
  if (!isPlan(plan)) return []
  const { utilisation } = workload
  const hourUsd = workHourUsd(fleetCost(fleet, utilisation), utilisation)
  const most = maxBatch(plan, workload)
  return workload.batches
    .filter((batch) => batch <= most)
    .map((batch) => {
      const figures = figuresAt(plan, workload, batch)
      const { tpotS, outputTokensPerSecond, parts } = figures
      return {
        batch,
        tpotS,
        outputTokensPerSecond,
        outputMtokUsd: usdPerMtok(hourUsd, outputTokensPerSecond),
        meetsLimits: meetsLimits(figures, workload),
        parts,
      }
    })
}

export type HomeOptions = {
  /** Numbers of domains. */
  readonly hosts: readonly number[]
  readonly terms: Terms
  /** Of owned cards; default: the newest of street, used and list. */
  readonly cardPrice?: 'list'
}

/** Home fleets of one kind of card each, head included; all hosts have the same port. */
export class HomeFleets {
  readonly #space: SearchSpace
  readonly #groups: readonly Group[]
  readonly #cardPrice: HomeOptions['cardPrice']

  constructor(model: ModelShape, { hosts, terms, cardPrice }: HomeOptions) {
    this.#cardPrice = cardPrice
    const cards = ['rtx-4090', 'rtx-5090'].map(findCard)
    this.#space = {
      ...defaultSpace(model),
      heads: cards.flatMap((card) => [1, 2].map((count) => ({ card, count }))),
      cards,
      cardsPerHost: [4],
      hosts,
      replicas: [1],
      dispatchBytesPerValue: WIRE_BYTES.q8_0,
      owned: terms === 'own',
    }
    this.#groups = groupsOf(this.#space).filter(isOfOneCard)
  }

  withPorts(nic: NicOffer): Fleet[] {
    return this.#groups.map((group) => {
      const fleet = fleetOf(this.#space, group, { head: nic, domains: nic })
      const named = { ...fleet, name: shortName(group) }
      return this.#cardPrice === 'list' ? atListPrice(named) : named
    })
  }
}

function atListPrice(fleet: Fleet): Fleet {
  const priced = (host: Host): Host => ({
    ...host,
    cards: host.cards.map((group) => {
      const { value } = defined(latestPrice(group.card, 'list'), `price of ${group.card.id}`)
      return { ...group, priceUsd: value }
    }),
  })
  return { ...fleet, head: priced(fleet.head), domains: fleet.domains.map(priced) }
}

function isOfOneCard({ head, domains }: Group): boolean {
  return domains.length === 1 && domains[0]?.name === head.name
}

/** `1 + 16 4090s`. */
function shortName({ head, domains }: Group): string {
  const [own, other] = [head, ...domains].map((host) => host.count * hostCards(host))
  return `${own} + ${other} ${head.name.replace('rtx-', '')}s`
}

/** Costs of a very large owner, a contract, or what is asked of anybody. */
export type RackPricing = 'hyperscaler' | 'rent' | 'on-demand'

function pricedRack(rack: Rack, pricing: RackPricing): Fleet {
  if (pricing !== 'on-demand') return rackFleet(rack, pricing)
  const { value } = defined(latestPrice(rack, pricing), `price of ${rack.name}`)
  return { ...rackFleet(rack), hourUsd: rack.cards * value }
}

const MOST_RACKS = 16

/** One, or as many as the model needs. */
export function wholeRack(rack: Rack, pricing: RackPricing, asked: Asked): Fleet {
  const one = pricedRack(rack, pricing)
  const counts = Array.from({ length: MOST_RACKS }, (_, at) => at + 1)
  const fits = counts.find((count) => pointsOf(timesRack(one, count), asked).length > 0)
  return timesRack(one, defined(fits, `number of ${rack.name} that hold ${asked.model.name}`))
}

/** Cards of a rack by powers of two, paid as their share of it: who rents need not take all. */
export function rackParts(rack: Rack, pricing: RackPricing): Fleet[] {
  const whole = pricedRack(rack, pricing)
  const hourUsd = defined(whole.hourUsd, `price of ${rack.name}`)
  const sizes = [1, 2, 4, 8, 16, 32, 64].filter((cards) => cards < rack.cards)
  return sizes.map((cards) => ({
    ...whole,
    name: `${cards} of ${rack.name}`,
    head: {
      ...whole.head,
      cards: whole.head.cards.map((group) => ({ ...group, count: cards })),
      nic: { ...whole.head.nic, bytesPerSecond: cards * rack.nic.value },
    },
    hourUsd: (hourUsd * cards) / rack.cards,
  }))
}

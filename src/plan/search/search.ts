/**
 * The best fleet of a space. It looks at groups of fleets that differ in network ports only: what
 * their fastest ports reach and their slowest cost is at least as good as each of them, so a group
 * that a known fleet beats even so holds neither the best nor any fleet of the front. That rests on
 * the cost model never being slower over faster ports, which a test holds it to.
 */
import { defined } from '../../base/assert.js'
import { type ModelWork, modelWork } from '../cost/model-work.js'
import { COST_OPTIONS, type CostOptions } from '../cost/options.js'
import { quickEstimate } from '../cost/quick.js'
import { type FleetCost, fleetCost, workHourUsd } from '../economics/fleet-cost.js'
import { usdPerMtok } from '../economics/token-cost.js'
import type { Fleet } from '../fleet/fleet.js'
import type { Workload } from '../workload.js'
import { countFleets, fleetOf, type Group, groupsOf, type Ports } from './candidates.js'
import { Front } from './front.js'
import {
  affords,
  type Choice,
  checkSearch,
  compareBy,
  type Goal,
  meets,
  type Score,
} from './goal.js'
import { type Miss, nearer } from './miss.js'
import type { SearchSpace, Variant } from './space.js'

export type SearchRequest = {
  readonly space: SearchSpace
  readonly goal: Goal
  readonly workload: Workload
  readonly options?: CostOptions
  /** Is called now and then. */
  readonly onProgress?: (done: number, all: number) => void
}

export type SearchCounts = {
  /** In the space. */
  readonly fleets: number
  /** Of which the cost model was asked. */
  readonly estimates: number
}

export type SearchResult = {
  /** Undefined when none is affordable, fits, keeps the limits and meets the goal. */
  readonly best?: Choice
  /** That are affordable, fit and keep the limits; from the cheapest on. */
  readonly front: readonly Choice[]
  /** The nearest of those that do not fit or do not keep the limits. */
  readonly miss?: Miss
  readonly counts: SearchCounts
}

/** @throws SputnikError SEARCH_INVALID, PRICE_UNKNOWN */
export function searchFleets(request: SearchRequest): SearchResult {
  const { space, goal, workload } = request
  checkSearch(space, goal, workload)
  return new Search(request).run()
}

/** A sum of parts may come out of order in its last bits. */
const ROUNDING = 1e-9
/** Groups between two calls of `onProgress`. */
const PROGRESS_EVERY = 256

/** One fleet of a group with its costs. */
type Offer = {
  readonly ports: Ports
  readonly fleet: Fleet
  readonly cost: FleetCost
  /** By the measure of the goal. */
  readonly costUsd: number
}

/** A group and what the cheapest of its fleets costs. */
type Priced = { readonly group: Group; readonly leastUsd: number }

class Search {
  readonly #request: SearchRequest
  readonly #options: CostOptions
  readonly #works: ReadonlyMap<Variant, ModelWork>
  readonly #front = new Front()
  #miss: Miss | undefined
  #estimates = 0

  constructor(request: SearchRequest) {
    this.#request = request
    this.#options = request.options ?? COST_OPTIONS
    const { variants } = request.space
    this.#works = new Map(variants.map((one) => [one, modelWork(one.shape, this.#options)]))
  }

  run(): SearchResult {
    const { goal, onProgress } = this.#request
    const groups = groupsOf(this.#request.space)
    // Cheap ones first: they beat many that cost more.
    const priced = groups
      .map((group) => ({ group, leastUsd: this.#offer(group, slowest(group)).costUsd }))
      .filter(({ leastUsd }) => affords(goal, leastUsd))
      .sort((a, b) => a.leastUsd - b.leastUsd || a.group.index - b.group.index)
    priced.forEach((one, done) => {
      if (done % PROGRESS_EVERY === 0) onProgress?.(done, priced.length)
      this.#searchGroup(one)
    })
    const front = this.#front.members
    const [best] = front.filter((choice) => meets(goal, choice)).sort(compareBy(goal))
    return {
      front,
      counts: { fleets: countFleets(groups), estimates: this.#estimates },
      ...(best !== undefined && { best }),
      ...(this.#miss !== undefined && { miss: this.#miss }),
    }
  }

  #searchGroup({ group, leastUsd }: Priced): void {
    const fastest = this.#estimate(group, this.#offer(group, fastestPorts(group)))
    if (fastest === undefined) return
    if (this.#front.beats({ ...optimistic(fastest), costUsd: leastUsd })) return
    for (const row of group.rows) this.#searchRow(group, row, fastest)
  }

  /** Heads come from the fastest on, so each reaches no more than the one before it. */
  #searchRow(group: Group, row: readonly Ports[], fastest: Choice): void {
    let reach = optimistic(fastest)
    for (const ports of row) {
      const offer = this.#offer(group, ports)
      const { costUsd } = offer
      if (!affords(this.#request.goal, costUsd)) continue
      if (this.#front.beats({ ...reach, costUsd })) continue
      const isKnown = ports === fastestPorts(group)
      const choice = isKnown ? fastest : this.#estimate(group, offer)
      if (choice === undefined) return
      this.#front.add(choice)
      reach = optimistic(choice)
    }
  }

  #offer(group: Group, ports: Ports): Offer {
    const { space, goal, workload } = this.#request
    const fleet = fleetOf(space, group, ports)
    const cost = fleetCost(fleet, workload.utilisation)
    return { ports, fleet, cost, costUsd: goal.measure === 'hour' ? cost.hourUsd : cost.upfrontUsd }
  }

  /** Undefined when it does not fit or keeps no limits. */
  #estimate(group: Group, offer: Offer): Choice | undefined {
    const { workload } = this.#request
    const { index, variant } = group
    const { ports, fleet, cost, costUsd } = offer
    const work = defined(this.#works.get(variant), 'work of a variant')
    const options = this.#options
    this.#estimates++
    const found = quickEstimate({ model: variant.shape, fleet, workload, options, work })
    if (!found.fits || found.best === undefined) {
      this.#miss = nearer(this.#miss, { name: fleet.name, found, workload })
      return undefined
    }
    const { best, smallest } = found
    const { outputTokensPerSecond: tokensPerSecond } = best
    return {
      index: index + group.rows.flat().indexOf(ports),
      name: fleet.name,
      variant,
      fleet,
      costUsd,
      hourUsd: cost.hourUsd,
      upfrontUsd: cost.upfrontUsd,
      tokensPerSecond,
      tpotS: smallest.tpotS,
      mtokUsd: usdPerMtok(workHourUsd(cost, workload.utilisation), tokensPerSecond),
      figures: best,
    }
  }
}

type Reach = Pick<Score, 'tokensPerSecond' | 'tpotS'>

function optimistic({ tokensPerSecond, tpotS }: Reach): Reach {
  return { tokensPerSecond: tokensPerSecond * (1 + ROUNDING), tpotS: tpotS * (1 - ROUNDING) }
}

function fastestPorts({ rows }: Group): Ports {
  return defined(rows[0]?.[0], 'fastest ports')
}

function slowest({ rows }: Group): Ports {
  return defined(rows.at(-1)?.at(-1), 'slowest ports')
}

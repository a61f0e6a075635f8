/**
 * The traffic of a model's steps on a fleet: tokens are routed, experts are placed by the code of
 * the fleet, and each layer with experts becomes dispatches, work and combines. Knows nothing of
 * what carries them.
 */
import { assert } from '../../base/assert.js'
import { Prng } from '../../base/prng.js'
import { US_PER_SECOND } from '../../base/units.js'
import type { RouterChoice } from '../../fleet/partition.js'
import { emptyWork, STANDING } from '../../fleet/replica-choice.js'
import type { RegionPages } from '../../pages/capacity.js'
import type { HolderTable } from '../../pages/holder-table.js'
import { placePages } from '../../pages/placement.js'
import type { Wire } from '../../plan/fleet/wire-format.js'
import type { ModelShape } from '../../plan/model/shape.js'
import { pageBytes, pageParameters } from '../../plan/model/sizes.js'
import { expertShares, type Popularity } from '../serving/popularity.js'
import { Router } from '../serving/router.js'
import { domainComputeS, type ExpertCost } from './domain-compute.js'
import { type CopyPer, type LayerLoad, LoadMaker, type RowBytes } from './layer-load.js'
import type { MoeCard } from './moe-card.js'
import type { PlayedLayer } from './play-layer.js'

/**
 * `apart`: one head routes all tokens and holds no experts; it is host 0, and domain d host d + 1.
 * `whole`: every domain routes its part of the tokens, so that all send to all; domain d is host d.
 */
export type MoeLayout = 'apart' | 'whole'

export type MoeOptions = {
  readonly shape: ModelShape
  readonly layout: MoeLayout
  /** All alike. */
  readonly domains: number
  /** Of each domain. */
  readonly cards: readonly MoeCard[]
  /** Of each layer on a domain, beside arithmetic. */
  readonly callS: number
  readonly replicas: number
  readonly popularity: Popularity
  readonly dispatchBytesPerValue: number
  readonly combineBytesPerValue: number
  readonly copyPer: CopyPer
  /** Of a domain's port, for the choice among replicas. */
  readonly bytesPerSecond: number
  readonly seed: number
}

/** Where nothing else is asked for. */
export const USUAL_WIRE: Wire = { dispatch: 'q8_0', combine: 'bf16' }

export class MoeTraffic {
  readonly #options: MoeOptions
  readonly #router: Router
  readonly #loads: LoadMaker
  readonly #table: HolderTable
  /** Card of each expert on each domain that holds it, by region: [domains, experts]. */
  readonly #cards: readonly Uint8Array[]
  readonly #cost: ExpertCost

  /** @throws SputnikError PLACEMENT_FULL */
  constructor(options: MoeOptions) {
    const { shape, domains, replicas, popularity, seed, cards } = options
    const { moeLayers: layers, experts, expertsUsed: nUsed } = shape
    assert(layers > 0 && experts >= nUsed, `${shape.name} has experts`)
    const prng = Prng.fromSeed(seed)
    const shares = expertShares(popularity, { regions: layers, experts, seed: prng.nextU32() })
    this.#options = options
    this.#router = new Router(shares, { nUsed, prng: Prng.fromSeed(prng.nextU32()) })
    this.#cost = { pageBytes: pageBytes(shape), flopsPerPair: 2 * pageParameters(shape) }
    const region: RegionPages = { experts, ...this.#cost }
    this.#table = placePages({
      regions: Array.from({ length: layers }, () => region),
      domains: Array.from({ length: domains }, (_, id) => ({
        id,
        cards: cards.map((speed) => ({ memoryBytes: speed.memoryBytes, speed })),
      })),
      replicas,
      ...(popularity.kind === 'uniform' ? {} : { popularity: shares }),
    })
    this.#cards = shares.map((_, at) => this.#dealToCards(at))
    this.#loads = new LoadMaker({
      domains,
      work: this.#estimates(),
      rowBytes: this.#rowBytes(),
      copyPer: options.copyPer,
    })
  }

  get layers(): number {
    return this.#options.shape.moeLayers
  }

  get hosts(): number {
    return this.#options.domains + (this.#options.layout === 'apart' ? 1 : 0)
  }

  /** One layer with so many tokens, routed anew. */
  load(layer: number, tokens: number): LayerLoad {
    const { layout, domains } = this.#options
    const sources = layout === 'apart' ? 1 : domains
    const choices = Array.from({ length: sources }, (_, source) => {
      const own =
        Math.floor(((source + 1) * tokens) / sources) - Math.floor((source * tokens) / sources)
      return copied(this.#router.choose(layer, own))
    })
    const holders = { holders: this.#table.holders(layer), replicas: this.#table.replicas }
    return this.#loads.make(choices, holders)
  }

  /** The same as hosts see it. */
  played(layer: number, { exchanges, work }: LayerLoad): PlayedLayer {
    const first = this.#options.layout === 'apart' ? 1 : 0
    return {
      exchanges: exchanges.map(({ source, domain, dispatchBytes, combineBytes }) => ({
        ...{ source, domain: domain + first, dispatchBytes, combineBytes },
      })),
      computeS: (host) => this.#computeS(layer, { domain: host - first, work }),
    }
  }

  #computeS(layer: number, { domain, work }: { domain: number; work: LayerLoad['work'] }): number {
    const { cards, callS, shape } = this.#options
    const dealt = this.#cards[layer]
    const cardOf = (expert: number): number => dealt?.[domain * shape.experts + expert] ?? 0
    return domainComputeS(work[domain] ?? new Map(), this.#cost, { cards, callS, cardOf })
  }

  /** Each domain deals what it holds of a layer to its cards in turn. */
  #dealToCards(region: number): Uint8Array {
    const { domains, cards, shape } = this.#options
    const dealt = new Uint8Array(domains * shape.experts)
    const held = new Uint32Array(domains)
    for (let expert = 0; expert < shape.experts; expert++) {
      for (const domain of this.#table.holdersOf(this.#table.entry(region, expert))) {
        const count = held[domain] ?? 0
        dealt[domain * shape.experts + expert] = (count + region) % cards.length
        held[domain] = count + 1
      }
    }
    return dealt
  }

  #rowBytes(): RowBytes {
    const { shape, dispatchBytesPerValue, combineBytesPerValue } = this.#options
    return {
      dispatch: Math.ceil(shape.hidden * dispatchBytesPerValue),
      combine: Math.ceil(shape.hidden * combineBytesPerValue),
    }
  }

  /** What the dispatcher knows of domains that are all alike. */
  #estimates() {
    const { domains, cards, bytesPerSecond } = this.#options
    const { dispatch, combine } = this.#rowBytes()
    const rate = cards.reduce((sum, card) => sum + card.bytesPerSecond, 0)
    const work = emptyWork(domains)
    work.standing.fill(STANDING.ready)
    work.pairUs.fill((US_PER_SECOND * this.#cost.pageBytes) / rate)
    work.copyUs.fill((US_PER_SECOND * (dispatch + combine)) / bytesPerSecond)
    return work
  }
}

/** The router uses its arrays again. */
function copied({ tokens, nUsed, experts, weights }: RouterChoice): RouterChoice {
  return { tokens, nUsed, experts: experts.slice(), weights: weights.slice() }
}

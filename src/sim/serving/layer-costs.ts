/**
 * What the experts of the layers of a step cost: for each layer a router's draw, split over domains
 * by the fleet's own rules, timed by domain and network. Layers are kept and drawn from again, and
 * so are sums of layers, because a step of the same size meets the same odds in every layer.
 */
import { defined } from '../../base/assert.js'
import type { Prng } from '../../base/prng.js'
import { dispatchLayout } from '../../fabric/dispatch-layout.js'
import { HEADER_BYTES } from '../../fabric/frame.js'
import { Partition, type RouterChoice, type Share } from '../../fleet/partition.js'
import { type DomainWork, ReplicaChooser } from '../../fleet/replica-choice.js'
import type { Directory } from '../../pages/directory.js'
import type { Exchange, LayerNetwork } from './layer-network.js'
import type { Router } from './router.js'

export type LayersCost = {
  /** From the router's choice to the last sum. */
  seconds: number
  /** Of the domain that computes longest. */
  slowestS: number
  sentBytes: number
  receivedBytes: number
  /** Of each domain, by id. */
  readonly domainS: Float64Array
}

/** What is kept for one number of tokens. */
type Kept = { readonly layers: LayersCost[]; readonly sums: LayersCost[] }

/** What one domain has to do in a layer. */
export type DomainLoad = {
  /** Tokens sent there. */
  readonly copies: number
  /** (token, expert) pairs. */
  readonly pairs: number
  /** Experts that any token chose. */
  readonly experts: number
}

export type LayerCostsOptions = {
  readonly domains: number
  readonly directory: Directory
  readonly work: DomainWork
  readonly router: Router
  readonly network: LayerNetwork
  /** Seconds a domain computes. */
  readonly computeS: (domain: number, load: DomainLoad) => number
  /** On the head's own host, so that nothing goes over its port. */
  readonly isLocal: (domain: number) => boolean
  /** Of one token's activation. */
  readonly dispatchRowBytes: number
  readonly combineRowBytes: number
  /** Layers kept for each number of tokens; 0: every layer of every step is drawn anew. */
  readonly samples: number
  readonly prng: Prng
}

/** Numbers of tokens up to here are told apart; above, those within 3 % of each other are one. */
const EXACT_TOKENS = 64
const STEPS_PER_DOUBLING = 23
/** Sums of layers that are kept for each number of tokens. */
const SUMS = 32
/** Layers drawn anew in one step. */
const NEW_LAYERS = 8

export class LayerCosts {
  readonly #options: LayerCostsOptions
  readonly #chooser: ReplicaChooser
  readonly #partition: Partition
  /** By number of tokens. */
  readonly #kept = new Map<number, Kept>()
  /** In which look each expert was seen last, to count those that differ. */
  readonly #seen = new Uint32Array(1 << 16)
  #look = 0

  constructor(options: LayerCostsOptions) {
    this.#options = options
    this.#chooser = new ReplicaChooser(options.domains)
    this.#partition = new Partition(options.domains)
  }

  /** The placement or a speed has changed. */
  forget(): void {
    this.#kept.clear()
  }

  /** Of all layers of a step; pairs whose experts nobody holds cost nothing. */
  drawStep(tokens: number): Readonly<LayersCost> {
    const { samples, prng } = this.#options
    if (samples === 0) return this.#sum(() => this.#make(tokens))
    const size = roundTokens(tokens)
    const kept = this.#kept.get(size) ?? { layers: [], sums: [] }
    this.#kept.set(size, kept)
    if (kept.sums.length === SUMS) return defined(kept.sums[prng.nextBelow(SUMS)], 'a sum')
    this.#keepMore(size, kept.layers)
    const sum = this.#sum(() => {
      const layer = kept.layers[prng.nextBelow(kept.layers.length)]
      return defined(layer, 'a layer')
    })
    if (kept.layers.length >= samples) kept.sums.push(sum)
    return sum
  }

  /** A few at a time: while pages move, what is kept soon is worth nothing. */
  #keepMore(tokens: number, kept: LayersCost[]): void {
    const missing = this.#options.samples - kept.length
    for (let left = Math.min(missing, NEW_LAYERS); left > 0; left--) kept.push(this.#make(tokens))
  }

  #sum(draw: () => LayersCost): LayersCost {
    const sum = this.#nothing()
    for (let layer = 0; layer < this.#options.router.regions; layer++) {
      const one = draw()
      sum.seconds += one.seconds
      sum.slowestS += one.slowestS
      sum.sentBytes += one.sentBytes
      sum.receivedBytes += one.receivedBytes
      for (let domain = 0; domain < sum.domainS.length; domain++) {
        sum.domainS[domain] = (sum.domainS[domain] ?? 0) + (one.domainS[domain] ?? 0)
      }
    }
    return sum
  }

  #nothing(): LayersCost {
    const domainS = new Float64Array(this.#options.domains)
    return { seconds: 0, slowestS: 0, sentBytes: 0, receivedBytes: 0, domainS }
  }

  #make(tokens: number): LayersCost {
    const { router, directory, work, prng, network } = this.#options
    const region = prng.nextBelow(router.regions)
    const choice = router.choose(region, tokens)
    const { replicas } = directory
    const holders = directory.holders(region)
    const owners = this.#chooser.choose(choice, { holders, replicas, work })
    const exchanges = this.#exchanges(choice, owners)
    const cost = this.#nothing()
    cost.seconds = network(exchanges)
    for (const { domain, dispatchBytes, combineBytes, computeS } of exchanges) {
      cost.domainS[domain] = computeS
      cost.sentBytes += dispatchBytes
      cost.receivedBytes += combineBytes
      cost.slowestS = Math.max(cost.slowestS, computeS)
    }
    return cost
  }

  #exchanges(choice: RouterChoice, owners: Uint16Array): Exchange[] {
    const { domains } = this.#options
    const exchanges: Exchange[] = []
    this.#partition.split(choice, owners).forEach((share, domain) => {
      // The last share is of the pairs that nobody can take.
      if (share.pairCount > 0 && domain < domains) exchanges.push(this.#exchange(domain, share))
    })
    return exchanges
  }

  #exchange(domain: number, share: Share): Exchange {
    const { isLocal, dispatchRowBytes, combineRowBytes } = this.#options
    const { tokenCount: copies, pairCount: pairs } = share
    const load = { copies, pairs, experts: this.#countExperts(share) }
    const computeS = this.#options.computeS(domain, load)
    if (isLocal(domain)) return { domain, dispatchBytes: 0, computeS, combineBytes: 0 }
    return {
      domain,
      dispatchBytes: dispatchLayout({ tokens: copies, pairs, rowBytes: dispatchRowBytes }).bytes,
      computeS,
      combineBytes: HEADER_BYTES + copies * combineRowBytes,
    }
  }

  #countExperts({ pairCount, experts }: Share): number {
    this.#look = (this.#look + 1) >>> 0
    let count = 0
    for (let pair = 0; pair < pairCount; pair++) {
      const expert = experts[pair] ?? 0
      if (this.#seen[expert] === this.#look) continue
      this.#seen[expert] = this.#look
      count++
    }
    return count
  }
}

/** Steps of large batches differ by a token or two all the time. */
export function roundTokens(tokens: number): number {
  if (tokens <= EXACT_TOKENS) return tokens
  const step = Math.round(STEPS_PER_DOUBLING * Math.log2(tokens / EXACT_TOKENS))
  return Math.round(EXACT_TOKENS * 2 ** (step / STEPS_PER_DOUBLING))
}

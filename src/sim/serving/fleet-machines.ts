/**
 * A head with domains as the machines of a simulation: trunk time from outside, experts from drawn
 * routing over the fleet's own placement, and domains that are lost, come back or get slow. The
 * fleet's estimates of speed are taken to be right at any time.
 */
import { Prng } from '../../base/prng.js'
import { US_PER_SECOND } from '../../base/units.js'
import { LATE_MS_MIN } from '../../fleet/limits.js'
import { STANDING } from '../../fleet/replica-choice.js'
import { WorkEstimates } from '../../fleet/work-estimates.js'
import type { RegionPages } from '../../pages/capacity.js'
import type { Fault } from './faults.js'
import { type DomainLoad, LayerCosts } from './layer-costs.js'
import type { LayerNetwork } from './layer-network.js'
import type { Machines } from './machines.js'
import { PagePlacement, type PlacementOptions } from './page-placement.js'
import { expertShares, type Popularity } from './popularity.js'
import { Router } from './router.js'
import { type StepCost, type StepShape, tokensOf } from './step-time.js'

export type SimDomain = PlacementOptions['domains'][number] & { readonly isLocal: boolean }

export type FleetMachinesOptions = {
  /** One for each layer with experts, all alike. */
  readonly regions: readonly RegionPages[]
  readonly expertsUsed: number
  readonly domains: readonly SimDomain[]
  readonly replicas: number
  readonly popularity: Popularity
  /** Whether pages are placed by the popularity of experts, as the fleet does after a while. */
  readonly knowsPopularity: boolean
  readonly hasOrigin: boolean
  readonly headBytesPerSecond: number
  readonly dispatchRowBytes: number
  readonly combineRowBytes: number
  /** Of all layers: everything but routed experts and what they wait for. */
  readonly trunkS: (step: StepShape) => number
  /** Of a domain's work in one layer, when it is as fast as ever. */
  readonly computeS: (domain: number, load: DomainLoad) => number
  /** Of a usual step, at which the head compares domains. */
  readonly usualTokens: number
  readonly network: LayerNetwork
  readonly faults: readonly Fault[]
  /**
   * After so long the head knows that a domain is lost: the lease of one that falls silent; 0 when
   * its links close, as those of a killed process do.
   */
  readonly leaseS: number
  /** Layers drawn and kept for each size of a step. */
  readonly samples: number
  readonly seed: number
}

/** A replica is asked when an answer is late by so much. */
const LATE_S = LATE_MS_MIN / 1000

export class FleetMachines implements Machines {
  readonly domains: number
  readonly #options: FleetMachinesOptions
  readonly #placement: PagePlacement
  readonly #estimates: WorkEstimates
  readonly #factors: Float64Array
  readonly #router: Router
  readonly #costs: LayerCosts
  /** Of `faults`. */
  #nextFault = 0
  /** Domains that are lost, and when the head will know it. */
  readonly #silent = new Map<number, number>()
  /** Until then steps stand still, for want of an answer that no replica can give. */
  #stallUntilS = 0
  /** The next step asks somebody who does not answer, and then a replica. */
  #isLate = false

  /** @throws SputnikError PLACEMENT_FULL */
  constructor(options: FleetMachinesOptions) {
    const { regions, domains, expertsUsed, popularity, knowsPopularity, seed } = options
    const prng = Prng.fromSeed(seed)
    const experts = regions[0]?.experts ?? 0
    const shape = { regions: regions.length, experts, seed: prng.nextU32() }
    const shares = expertShares(popularity, shape)
    this.#options = options
    this.domains = domains.length
    this.#factors = new Float64Array(domains.length).fill(1)
    this.#router = new Router(shares, {
      nUsed: expertsUsed,
      prng: Prng.fromSeed(prng.nextU32()),
    })
    this.#placement = new PagePlacement({
      ...options,
      popularity: knowsPopularity ? shares : undefined,
    })
    this.#estimates = new WorkEstimates(domains.length)
    for (const { id } of domains) this.#writeEstimate(id)
    this.#costs = new LayerCosts({
      ...options,
      domains: domains.length,
      directory: this.#placement.directory,
      work: this.#estimates.work,
      router: this.#router,
      computeS: (domain, load) => this.#computeS(domain, load),
      isLocal: (domain) => domains[domain]?.isLocal === true,
      prng: Prng.fromSeed(prng.nextU32()),
    })
  }

  cost(step: StepShape): StepCost {
    const headS = this.#options.trunkS(step)
    const layers = this.#costs.drawStep(tokensOf(step))
    return {
      seconds: headS + layers.seconds,
      headS,
      networkS: layers.seconds - layers.slowestS,
      sentBytes: layers.sentBytes,
      receivedBytes: layers.receivedBytes,
      domainS: layers.domainS,
    }
  }

  get nextS(): number {
    const faultS = this.#options.faults[this.#nextFault]?.atS ?? Number.POSITIVE_INFINITY
    return Math.min(faultS, this.#placement.nextS, ...this.#silent.values())
  }

  tick(now: number): boolean {
    let isChanged = this.#placement.tick(now)
    for (const [domain, knownS] of this.#silent) {
      if (knownS > now) continue
      this.#lose(domain, now)
      isChanged = true
    }
    for (;;) {
      const fault = this.#options.faults[this.#nextFault]
      if (fault === undefined || fault.atS > now) break
      this.#nextFault++
      this.#suffer(fault, now)
      isChanged = true
    }
    if (isChanged) this.#costs.forget()
    return isChanged
  }

  takeStall(now: number): number {
    const lateS = this.#isLate ? LATE_S : 0
    this.#isLate = false
    return Math.max(lateS, this.#stallUntilS - now)
  }

  get orphansSinceS(): number | undefined {
    return this.#placement.orphansSinceS
  }

  /** Bytes of pages that domains have loaded since the beginning. */
  get loadedBytes(): number {
    return this.#placement.loadedBytes
  }

  drawMissing(tokens: number): number[] {
    const { table } = this.#placement.directory
    const missing = new Set<number>()
    for (let region = 0; region < this.#router.regions; region++) {
      for (const expert of this.#router.choose(region, tokens).experts) {
        const entry = table.entry(region, expert)
        if (table.count(entry) === 0) missing.add(entry)
      }
    }
    return [...missing]
  }

  areHeld(pages: readonly number[]): boolean {
    const { table } = this.#placement.directory
    return pages.every((entry) => table.count(entry) > 0)
  }

  #suffer(fault: Fault, now: number): void {
    const { domain } = fault
    if (fault.kind === 'slow') this.#factors[domain] = fault.factor
    else if (fault.kind === 'lost') this.#fallSilent(domain, now)
    else this.#comeBack(domain, now)
    this.#writeEstimate(domain)
  }

  #fallSilent(domain: number, now: number): void {
    if (!this.#isThere(domain)) return
    const { leaseS } = this.#options
    const isReplaceable = this.#placement.isReplaceable(domain, (id) => this.#isThere(id))
    if (isReplaceable) this.#isLate = true
    else this.#stallUntilS = Math.max(this.#stallUntilS, now + leaseS)
    this.#silent.set(domain, now + leaseS)
    if (leaseS === 0) this.#lose(domain, now)
  }

  /** The head knows. */
  #lose(domain: number, now: number): void {
    this.#silent.delete(domain)
    this.#placement.lose(domain, now)
  }

  #comeBack(domain: number, now: number): void {
    if (this.#silent.has(domain)) this.#lose(domain, now)
    if (!this.#placement.isThere(domain)) this.#placement.comeBack(domain, now)
  }

  #isThere(domain: number): boolean {
    return this.#placement.isThere(domain) && !this.#silent.has(domain)
  }

  /** What one pair more takes, in a usual layer. */
  #writeEstimate(id: number): void {
    const { usualTokens, expertsUsed, regions, computeS } = this.#options
    const pairs = Math.max(1, (usualTokens * expertsUsed) / this.domains)
    const experts = Math.min(pairs, Math.ceil((regions[0]?.experts ?? 1) / this.domains))
    const callS = computeS(id, { copies: 0, pairs: 0, experts: 0 })
    const pairS = (computeS(id, { copies: 0, pairs, experts }) - callS) / pairs
    this.#estimates.begin(id, US_PER_SECOND * (this.#factors[id] ?? 1) * pairS)
    const { standing } = this.#estimates.work
    standing[id] = this.#isThere(id) ? STANDING.ready : STANDING.closed
  }

  #computeS(domain: number, load: DomainLoad): number {
    return (this.#factors[domain] ?? 1) * this.#options.computeS(domain, load)
  }
}

/**
 * The experts of one region dealt to domains, with their loads: what the placement of a region
 * starts from and what is improved. Domains are positions here, not ids. Knows nothing of bytes.
 */
import { defined } from '../base/assert.js'

/** What is known of the experts of a region. */
export type RegionDemand = {
  readonly experts: number
  /** Calls of each expert; all alike without it. */
  readonly popularity?: Float32Array | undefined
  /** Tokens that chose both, [experts, experts], symmetric. */
  readonly together?: Float32Array | undefined
}

export type RegionPlanOptions = {
  readonly demand: RegionDemand
  readonly replicas: number
  /** By domain: microseconds of a pair. */
  readonly pairUs: Float64Array
}

export class RegionPlan {
  readonly experts: number
  readonly domains: number
  readonly pairUs: Float64Array
  /** Calls that one replica of each expert takes. */
  readonly calls: Float64Array
  /** Calls each domain takes. */
  readonly loads: Float64Array
  readonly together: Float32Array | undefined
  /** 1 where a domain holds an expert, [domains, experts]. */
  readonly #holds: Uint8Array
  /** Domains of each expert. */
  readonly #places: number[][]
  /** Of an expert with those a domain holds, [experts, domains]. */
  readonly #affinity: Float64Array

  constructor({ demand, replicas, pairUs }: RegionPlanOptions) {
    const { experts, popularity } = demand
    this.experts = experts
    this.domains = pairUs.length
    this.pairUs = pairUs
    // An expert that was not seen yet still costs something.
    this.calls = Float64Array.from(
      { length: experts },
      (_, expert) => Math.max(popularity?.[expert] ?? 1, 1e-6) / replicas,
    )
    this.loads = new Float64Array(this.domains)
    this.together = demand.together
    this.#holds = new Uint8Array(experts * this.domains)
    this.#places = Array.from({ length: experts }, () => [])
    this.#affinity = new Float64Array(this.together === undefined ? 0 : experts * this.domains)
  }

  holds(expert: number, domain: number): boolean {
    return this.#holds[expert * this.domains + domain] === 1
  }

  /** How often the expert is chosen along with those of the domain, itself not counted. */
  affinity(expert: number, domain: number): number {
    return this.#affinity[domain * this.experts + expert] ?? 0
  }

  add(expert: number, domain: number): void {
    this.#change(expert, { domain, by: 1 })
  }

  remove(expert: number, domain: number): void {
    this.#change(expert, { domain, by: -1 })
  }

  #change(expert: number, { domain, by }: { domain: number; by: 1 | -1 }): void {
    this.#holds[expert * this.domains + domain] = by === 1 ? 1 : 0
    const places = this.placesOf(expert).filter((place) => place !== domain)
    this.#places[expert] = by === 1 ? [...places, domain] : places
    this.loads[domain] = this.load(domain) + by * this.callsOf(expert)
    const { together } = this
    if (together === undefined) return
    const row = expert * this.experts
    const target = domain * this.experts
    for (let other = 0; other < this.experts; other++) {
      if (other === expert) continue
      const common = by * (together[row + other] ?? 0)
      this.#affinity[target + other] = (this.#affinity[target + other] ?? 0) + common
    }
  }

  callsOf(expert: number): number {
    return this.calls[expert] ?? 0
  }

  load(domain: number): number {
    return this.loads[domain] ?? 0
  }

  us(domain: number): number {
    return defined(this.pairUs[domain], 'speed of a domain')
  }

  /** Time of a domain when its load changes by some calls. */
  timeWith(domain: number, calls: number): number {
    return (this.load(domain) + calls) * this.us(domain)
  }

  expertsOf(domain: number): number[] {
    const found: number[] = []
    for (let expert = 0; expert < this.experts; expert++) {
      if (this.holds(expert, domain)) found.push(expert)
    }
    return found
  }

  /** Domains that hold an expert. */
  placesOf(expert: number): readonly number[] {
    return defined(this.#places[expert], 'expert of a plan')
  }

  /** The domain that takes longest. */
  slowest(): number {
    let slowest = 0
    for (let domain = 1; domain < this.domains; domain++) {
      if (this.timeWith(domain, 0) > this.timeWith(slowest, 0)) slowest = domain
    }
    return slowest
  }
}

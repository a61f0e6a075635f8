/**
 * The Prometheus metrics of the experts, added up by layer: a line for each expert would be tens of
 * thousands. Knows nothing of domains.
 */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { ExpertsView } from '../engine/protocol.js'
import { loadOf } from '../fleet/expert-load.js'

export class LayerMetrics {
  readonly #calls: Counter
  readonly #balance: Gauge
  readonly #dead: Gauge

  constructor(registry: Registry) {
    const options = (name: string, help: string) => {
      return { name: `sputnik_layer_${name}`, help, labelNames: ['layer'], registers: [registry] }
    }
    this.#calls = new Counter(options('expert_calls_total', 'Experts that the router chose'))
    this.#balance = new Gauge(options('balance_ratio', 'Calls of the busiest expert over the mean'))
    this.#dead = new Gauge(options('dead_experts', 'Experts that were never called'))
  }

  set({ layers }: ExpertsView): void {
    for (const metric of [this.#calls, this.#balance, this.#dead]) metric.reset()
    for (const one of layers) {
      const layer = `${one.layer}${one.group}`
      const { calls, balance, dead } = loadOf(one.calls)
      this.#calls.inc({ layer }, calls)
      if (balance !== null) this.#balance.set({ layer }, balance)
      this.#dead.set({ layer }, dead)
    }
  }
}

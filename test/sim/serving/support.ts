/** Small simulations for tests. */
import { Collector, type CollectorOptions } from '../../../src/sim/serving/collector.js'
import { type Machines, wholeMachine } from '../../../src/sim/serving/machines.js'
import type { RequestSource } from '../../../src/sim/serving/requests.js'
import {
  type RequestRecord,
  ServingSimulation,
  type SimulationOptions,
} from '../../../src/sim/serving/simulation.js'

export type RunOptions = Partial<SimulationOptions> &
  Partial<CollectorOptions> & { readonly requests: RequestSource; readonly durationS: number }

/** Keeps what ended, in order. */
export class Recorder extends Collector {
  readonly records: RequestRecord[] = []

  override requestEnded(record: RequestRecord): void {
    this.records.push(record)
    super.requestEnded(record)
  }
}

export function prepare(options: RunOptions): {
  simulation: ServingSimulation
  recorder: Recorder
} {
  const machines: Machines = options.machines ?? wholeMachine(() => 1)
  const recorder = new Recorder({
    warmupS: 0,
    domains: machines.domains,
    slo: {},
    stretches: 10,
    ...options,
  })
  const simulation = new ServingSimulation({
    parallel: 8,
    batch: 512,
    contextLength: 4096,
    waitingMax: 1e9,
    sharedPrefix: 0,
    ...options,
    machines,
    watcher: recorder,
  })
  return { simulation, recorder }
}

/** Runs to the end. */
export function run(options: RunOptions): ReturnType<typeof prepare> {
  const prepared = prepare(options)
  while (prepared.simulation.run(10_000));
  return prepared
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

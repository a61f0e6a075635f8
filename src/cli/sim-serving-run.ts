/** Runs a simulation of serving with progress on stderr; SIGINT ends it with what there is. */
import { setImmediate } from 'node:timers/promises'
import { Collector } from '../sim/serving/collector.js'
import { FleetMachines } from '../sim/serving/fleet-machines.js'
import { reportOf, type ServingReport } from '../sim/serving/report.js'
import { ServingSimulation, type Watcher } from '../sim/serving/simulation.js'
import { createProgress } from './report.js'
import type { ServingOptions, ServingSetup } from './sim-serving-setup.js'
import { TraceFile } from './sim-trace-file.js'

/** Between two looks for a signal: a tenth of a second or less. */
const EVENTS = 20_000

export async function simulateServing(
  setup: ServingSetup,
  { seed, trace }: Pick<ServingOptions, 'seed' | 'trace'>,
): Promise<{ readonly report: ServingReport; readonly collector: Collector }> {
  const collector = new Collector(setup.collector)
  const file = trace === undefined ? undefined : new TraceFile(trace)
  const watcher = file === undefined ? collector : bothOf(collector, file)
  const simulation = new ServingSimulation({ ...setup.simulation, watcher })
  try {
    await run(simulation, setup.collector.durationS)
  } finally {
    file?.close()
  }
  const { machines, headBytesPerSecond } = setup
  const report = reportOf(simulation, collector, {
    complete: simulation.isDone,
    seed,
    ...(headBytesPerSecond !== undefined && { headBytesPerSecond }),
    loadedBytes: machines instanceof FleetMachines ? machines.loadedBytes : 0,
  })
  return { report, collector }
}

async function run(simulation: ServingSimulation, durationS: number): Promise<void> {
  let isStopped = false
  const stop = (): void => {
    isStopped = true
  }
  process.once('SIGINT', stop)
  const progress = createProgress(process.stderr, 'simulating')
  try {
    while (!isStopped && simulation.run(EVENTS)) {
      const { nowS, counts } = simulation
      const stage =
        nowS < durationS ? 'arrivals' : `${counts.running + counts.waiting} requests left`
      progress.update({ stage, done: Math.min(nowS, durationS), total: durationS })
      await setImmediate()
    }
  } finally {
    progress.end()
    process.removeListener('SIGINT', stop)
  }
}

function bothOf(collector: Collector, file: TraceFile): Watcher {
  return {
    worked: collector.worked,
    requestEnded: (record) => {
      collector.requestEnded(record)
      file.request(record)
    },
    stepEnded: (record) => {
      collector.stepEnded(record)
      file.step(record)
    },
    counted: (counts, atS) => collector.counted(counts, atS),
  }
}

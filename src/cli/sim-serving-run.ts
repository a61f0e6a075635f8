/** Runs a simulation of serving, and writes a trace of it where one is asked for. */
import { Collector } from '../sim/serving/collector.js'
import { FleetMachines } from '../sim/serving/fleet-machines.js'
import { reportOf, type ServingReport } from '../sim/serving/report.js'
import { ServingSimulation, type Watcher } from '../sim/serving/simulation.js'
import type { ServingOptions, ServingSetup } from './sim-serving-setup.js'
import { inSlices, type Sliced } from './sim-slices.js'
import { TraceFile } from './sim-trace-file.js'

/** Of a slice: a tenth of a second or less. */
const EVENTS = 20_000

/** @throws SputnikError OUTPUT_UNWRITABLE */
export async function simulateServing(
  setup: ServingSetup,
  { seed, trace }: Pick<ServingOptions, 'seed' | 'trace'>,
): Promise<{ readonly report: ServingReport; readonly collector: Collector }> {
  const collector = new Collector(setup.collector)
  const file = trace === undefined ? undefined : new TraceFile(trace)
  const watcher = file === undefined ? collector : bothOf(collector, file)
  const simulation = new ServingSimulation({ ...setup.simulation, watcher })
  try {
    const { durationS } = setup.collector
    await inSlices(({ play }) => play(slicesOf(simulation, durationS)))
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

function slicesOf(simulation: ServingSimulation, durationS: number): Sliced {
  return {
    advance: () => simulation.run(EVENTS),
    progress: () => {
      const { nowS, counts } = simulation
      const left = counts.running + counts.waiting
      const stage = nowS < durationS ? 'arrivals' : `${left} requests left`
      return { stage, done: Math.min(nowS, durationS), total: durationS }
    },
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

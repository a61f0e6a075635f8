/** Runs a simulation of serving with progress on stderr; SIGINT ends it with what there is. */
import { setImmediate } from 'node:timers/promises'
import { Collector } from '../sim/serving/collector.js'
import { FleetMachines } from '../sim/serving/fleet-machines.js'
import { reportOf, type ServingReport } from '../sim/serving/report.js'
import { ServingSimulation, type Watcher } from '../sim/serving/simulation.js'
import { createProgress } from './report.js'
import type { ServingOptions, ServingSetup } from './sim-serving-setup.js'
import { TraceFile } from './sim-trace-file.js'
import { untilStopped } from './stop-signal.js'

/** Between two looks for a signal: a tenth of a second or less. */
const EVENTS = 20_000
/** What takes less needs no progress. */
const QUIET_MS = 2_000
const PROGRESS_MS = 500

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
    await untilStopped((signal) => run(simulation, { durationS, signal }))
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

async function run(
  simulation: ServingSimulation,
  { durationS, signal }: { durationS: number; signal: AbortSignal },
): Promise<void> {
  const progress = createProgress(process.stderr, 'simulating')
  let toldMs = performance.now() + QUIET_MS - PROGRESS_MS
  while (!signal.aborted && simulation.run(EVENTS)) {
    const nowMs = performance.now()
    if (nowMs - toldMs >= PROGRESS_MS) {
      toldMs = nowMs
      const { nowS, counts } = simulation
      const stage =
        nowS < durationS ? 'arrivals' : `${counts.running + counts.waiting} requests left`
      progress.update({ stage, done: Math.min(nowS, durationS), total: durationS })
    }
    // Signals are heard between slices only.
    await setImmediate()
  }
  progress.end()
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

/** Runs experiments one after the other. */
import { ExperimentRun } from '../sim/experiment/experiment-run.js'
import { type Outcome, runName } from '../sim/experiment/metrics.js'
import type { PlannedRun } from '../sim/experiment/plan-runs.js'
import { resultOf } from '../sim/experiment/result.js'
import { inSlices, type Slices } from './sim-slices.js'
import type { Stopped } from './stop-signal.js'

/** Of a slice: some ten milliseconds. */
const EVENTS = 20_000

/** Outcomes of all that were begun before a signal came. */
export function runExperiments(plans: readonly PlannedRun[]): Promise<Stopped<readonly Outcome[]>> {
  return inSlices(async (slices) => {
    const ended: Outcome[] = []
    for (const plan of plans) {
      if (slices.signal.aborted) break
      ended.push(await runOne(plan, slices))
    }
    return ended
  })
}

async function runOne({ experiment, point }: PlannedRun, { play }: Slices): Promise<Outcome> {
  const run = new ExperimentRun(experiment)
  const stage = runName(experiment, point)
  let wallMs = 0
  await play({
    advance: () => {
      const fromMs = performance.now()
      run.advance(EVENTS)
      wallMs += performance.now() - fromMs
      return run.end === undefined
    },
    progress: () => ({ stage, done: run.share, total: 1 }),
  })
  const result = resultOf(run)
  return { result, wallS: wallMs / 1000, ...(point === undefined ? {} : { point }) }
}

/** Runs experiments with progress on stderr; a signal ends them with what there is. */
import { setImmediate } from 'node:timers/promises'
import { ExperimentRun } from '../sim/experiment/experiment-run.js'
import { type Outcome, runName } from '../sim/experiment/metrics.js'
import type { PlannedRun } from '../sim/experiment/plan-runs.js'
import { resultOf } from '../sim/experiment/result.js'
import { createProgress, type Progress } from './report.js'
import { untilStopped } from './stop-signal.js'

/** Between two looks for a signal: some ten milliseconds. */
const EVENTS = 20_000
/** What takes less needs no progress. */
const QUIET_MS = 1_000
const PROGRESS_MS = 500

/** Outcomes of all that were begun before a signal came. */
export async function runExperiments(
  plans: readonly PlannedRun[],
): Promise<{ readonly outcomes: readonly Outcome[]; readonly isStopped: boolean }> {
  const progress = createProgress(process.stderr, 'simulating')
  const { result: outcomes, isStopped } = await untilStopped(async (signal) => {
    const ended: Outcome[] = []
    for (const plan of plans) {
      if (signal.aborted) break
      ended.push(await runOne(plan, { signal, progress }))
    }
    return ended
  })
  progress.end()
  return { outcomes, isStopped }
}

type Watch = {
  readonly signal: AbortSignal
  readonly progress: Progress
}

async function runOne({ experiment, point }: PlannedRun, { signal, progress }: Watch) {
  const run = new ExperimentRun(experiment)
  const where = point === undefined ? {} : { point }
  const beganMs = performance.now()
  let toldMs = beganMs + QUIET_MS - PROGRESS_MS
  let wallMs = 0
  while (run.end === undefined && !signal.aborted) {
    const fromMs = performance.now()
    run.advance(EVENTS)
    const nowMs = performance.now()
    wallMs += nowMs - fromMs
    if (nowMs - toldMs >= PROGRESS_MS) {
      toldMs = nowMs
      progress.update({ stage: runName(experiment, point), done: run.share, total: 1 })
    }
    // Signals are heard between slices only.
    await setImmediate()
  }
  return { result: resultOf(run), wallS: wallMs / 1000, ...where }
}

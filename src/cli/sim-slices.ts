/**
 * Plays simulations a slice at a time, with progress on stderr; a signal ends them with what there
 * is. Knows nothing of what is simulated.
 */
import { setImmediate } from 'node:timers/promises'
import { createProgress, type Progress } from './report.js'
import { type Stopped, untilStopped } from './stop-signal.js'

/** What takes less needs no progress. */
const QUIET_MS = 1_000
const PROGRESS_MS = 500

export type Sliced = {
  /** Goes on for some ten milliseconds; false when there is nothing left to do. */
  readonly advance: () => boolean
  readonly progress: () => Parameters<Progress['update']>[0]
}

export type Slices = {
  /** Until the end or a signal. */
  readonly play: (run: Sliced) => Promise<void>
  readonly signal: AbortSignal
}

/** `work` may play several simulations, one after the other. */
export async function inSlices<T>(work: (slices: Slices) => Promise<T>): Promise<Stopped<T>> {
  const progress = createProgress(process.stderr, 'simulating')
  let nextMs = performance.now() + QUIET_MS
  const tell = (run: Sliced): void => {
    const nowMs = performance.now()
    if (nowMs < nextMs) return
    nextMs = nowMs + PROGRESS_MS
    progress.update(run.progress())
  }
  const playUntil = async (run: Sliced, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted && run.advance()) {
      tell(run)
      // Signals are heard between slices only.
      await setImmediate()
    }
  }
  try {
    return await untilStopped((signal) => work({ signal, play: (run) => playUntil(run, signal) }))
  } finally {
    progress.end()
  }
}

/** Runs many seeds, one after the other. */
import { hashText } from '../../src/base/prng.js'
import { Counts } from './counts.js'
import { formatViolation } from './report.js'
import { type Outcome, runSeed } from './simulation.js'

export type SeedsOptions = {
  /** Milliseconds, for progress; nothing that happens depends on it. */
  readonly now?: () => number
  readonly progress?: (line: string) => void
  /** Stops after so many seeds that broke a rule. */
  readonly failuresMax?: number
}

export type SeedsOutcome = { readonly counts: Counts; readonly failures: readonly Outcome[] }

const PROGRESS_MS = 5000
const SEED_MAX = 2 ** 32
const FAILURES_MAX = 20

/** Where the seeds of a commit begin. */
export function seedOfCommit(commit: string): number {
  return hashText(commit)
}

export function runSeeds(from: number, count: number, options: SeedsOptions = {}): SeedsOutcome {
  const { now = () => 0, progress = () => {}, failuresMax = FAILURES_MAX } = options
  const counts = new Counts()
  const failures: Outcome[] = []
  let toldMs = now()
  for (let done = 1; done <= count && failures.length < failuresMax; done++) {
    const outcome = runSeed((from + done - 1) % SEED_MAX)
    counts.addAll(outcome.counts)
    if (outcome.violation !== undefined) {
      failures.push(outcome)
      progress(formatViolation(outcome, outcome.violation))
    }
    if (now() - toldMs < PROGRESS_MS) continue
    toldMs = now()
    progress(`${done} of ${count} seeds, ${counts.of('steps')} steps, ${failures.length} failures`)
  }
  return { counts, failures }
}

/** Machines that serve, as the simulation drives them: step times, and what befalls them. */
import { type StepTimes, wholeStepTimes } from './step-time.js'

export type Machines = StepTimes & {
  /** When something befalls them next; Infinity: nothing. */
  readonly nextS: number
  /** Lets happen what is due; false when a running step feels nothing of it. */
  tick(now: number): boolean
  /** For so long a step that begins or goes on now stands still; what is over counts once. */
  takeStall(now: number): number
  /** Since when there are pages that nobody holds; undefined while there are none. */
  readonly orphansSinceS: number | undefined
  /** Pages that nobody holds among those which some tokens need; drawn as the router would. */
  drawMissing(tokens: number): number[]
  /** Whether all of these pages have a holder again. */
  areHeld(pages: readonly number[]): boolean
}

/** Machines that nothing befalls. */
function steadyMachines(times: StepTimes): Machines {
  return {
    domains: times.domains,
    cost: (step) => times.cost(step),
    nextS: Number.POSITIVE_INFINITY,
    tick: () => false,
    takeStall: () => 0,
    orphansSinceS: undefined,
    drawMissing: () => [],
    areHeld: () => true,
  }
}

/** One machine, or a rack that works as one: nothing is known of it but `seconds` of a step. */
export function wholeMachine(seconds: Parameters<typeof wholeStepTimes>[0]): Machines {
  return steadyMachines(wholeStepTimes(seconds))
}

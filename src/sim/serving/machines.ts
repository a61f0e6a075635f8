/** Machines that serve, as the simulation drives them: step times, and what befalls them. */
import { type StepTimes, wholeStepTimes } from './step-time.js'

/** What a running step feels of a change. */
export type Change = {
  /** For so long the step stands still before what is left of it goes on. */
  readonly stallS: number
}

export type Machines = StepTimes & {
  /** When something befalls them next; Infinity: nothing. */
  readonly nextS: number
  /** Lets happen what is due; undefined when a running step feels nothing of it. */
  tick(now: number): Change | undefined
  /** Since when there are pages that nobody holds; undefined while there are none. */
  readonly orphansSinceS: number | undefined
  /** Pages that nobody holds among those which some tokens need; drawn as the router would. */
  drawMissing(tokens: number): number[]
  /** Whether all of these pages have a holder again. */
  areHeld(pages: readonly number[]): boolean
}

/** Machines that nothing befalls. */
export function steadyMachines(times: StepTimes): Machines {
  return {
    domains: times.domains,
    cost: (step) => times.cost(step),
    nextS: Number.POSITIVE_INFINITY,
    tick: () => undefined,
    orphansSinceS: undefined,
    drawMissing: () => [],
    areHeld: () => true,
  }
}

/** One machine, or a rack that works as one: nothing is known of it but `seconds` of a step. */
export function wholeMachine(seconds: Parameters<typeof wholeStepTimes>[0]): Machines {
  return steadyMachines(wholeStepTimes(seconds))
}

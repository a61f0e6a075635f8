/** Two halves of a batch that take turns: while one is in one place, the other is in another. */
import { type OpenTimes, PARTS, type PartTimes, type StepLoad, stepSeconds } from './load.js'

/**
 * The faster of one batch in a row and of two halves. `places` tells how long a half keeps each
 * place busy; what is left out is free of others.
 */
export function fasterOfTurns(
  timesOf: (load: StepLoad) => PartTimes,
  load: StepLoad,
  given: { readonly layers: number; readonly places: (half: PartTimes) => readonly number[] },
): PartTimes {
  const whole = timesOf(load)
  const half = timesOf({
    ...load,
    prefillTokens: load.prefillTokens / 2,
    decodeSequences: load.decodeSequences / 2,
  })
  const turns = inTurns(half, { layers: given.layers, places: given.places(half) })
  return stepSeconds(turns) < stepSeconds(whole) ? turns : whole
}

/**
 * The step lasts as long as a half's whole chain, or as two turns of its busiest place if those
 * last longer, and one layer's turn there until both halves are under way.
 */
function inTurns(
  half: PartTimes,
  { layers, places }: { readonly layers: number; readonly places: readonly number[] },
): PartTimes {
  const chain = stepSeconds(half)
  const busiest = Math.max(...places)
  const seconds = Math.max(chain, 2 * busiest) + busiest / layers
  const both: OpenTimes = { ...half }
  for (const part of PARTS) both[part] *= 2
  both.hidden = Math.min(0, seconds - 2 * chain)
  return both
}

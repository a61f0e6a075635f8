/** What one step of the engine has to do, and for what of it time is spent. */

export type StepLoad = {
  /** Prompt tokens that are taken in with this step. */
  readonly prefillTokens: number
  /** Sequences that get one token each. */
  readonly decodeSequences: number
  /** Tokens that each of them looks back on, on average. */
  readonly contextTokens: number
  /** Tokens that a prompt's look back on, on average. Default `contextTokens`. */
  readonly promptContextTokens?: number
}

export const PARTS = [
  /** Projections of queries, keys, values and output. */
  'attention',
  /** Scores and sums over the KV cache. */
  'cache',
  'router',
  'shared',
  'dense',
  'experts',
  'dispatch',
  'combine',
  'output',
  /** Launches, synchronisation: what does not depend on the load. */
  'overhead',
  /** At most 0: what two micro-batches hide of the others. */
  'hidden',
] as const

export type Part = (typeof PARTS)[number]

/** Seconds of each part; they add up to the step. */
export type PartTimes = { readonly [part in Part]: number }

/** Part times that are being filled in. */
export type OpenTimes = { [part in Part]: number }

export function stepSeconds(times: PartTimes): number {
  let sum = 0
  for (const part of PARTS) sum += times[part]
  return sum
}

/** What is asked of a fleet: how long prompts and answers are, and what users will bear. */

/** Of a prompt, or of an answer. */
export const TOKENS_MAX = 10_000_000
export const BATCH_MAX = 1_000_000
export const BATCHES_MAX = 64

export type Workload = {
  readonly name: string
  readonly promptTokens: number
  readonly outputTokens: number
  /** Batch sizes (sequences that decode at once) to look at. */
  readonly batches: readonly number[]
  /** Most seconds to the first token. */
  readonly ttftS: number
  /** Most seconds between two tokens of a user. */
  readonly tpotS: number
  /** Share of the day in which the fleet is used, 0 to 1: what is bought is paid for all day. */
  readonly utilisation: number
  /** Share of the prompt that a cache holds already, 0 to 1. */
  readonly cachedShare: number
}

/** What an estimate assumes of the program and of its users beside model, fleet and workload. */
import { EFFICIENCY, type Efficiency } from './efficiency.js'
import { type Popularity, UNIFORM } from './routing.js'

export type CostOptions = {
  readonly popularity: Popularity
  /**
   * 2: while one half of a batch is computed with, the other is on its way, where that is faster.
   * Default: 1 for `apart`, as the engine has it, 2 for `whole`, as programs of racks do
   * (arXiv 2412.19437, section 3.4).
   */
  readonly microBatches?: 1 | 2
  /**
   * How the trunk uses several cards of the head: `layers` lie on them in turn, so one card works
   * at a time (as the engine has it), or each `tensor` is split over all of them.
   */
  readonly headSplit: 'layers' | 'tensor'
  /** Prompt tokens of one step, of one prompt that is new. */
  readonly chunkTokens: number
  readonly cacheBytesPerValue: number
  /** Tokens drafted beside the one that is sure, and how many of them are kept on average. */
  readonly drafts?: { readonly tokens: number; readonly kept: number }
  readonly efficiency: Efficiency
  /** Times that every step lasts longer than rates and bytes have it, by a measured run. */
  readonly slowdown: number
}

export const COST_OPTIONS: CostOptions = {
  popularity: UNIFORM,
  headSplit: 'layers',
  chunkTokens: 2048,
  cacheBytesPerValue: 2,
  efficiency: EFFICIENCY,
  slowdown: 1,
}

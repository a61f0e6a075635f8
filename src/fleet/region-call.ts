/** One region of a step, as ggml calls for it. */
import type { ExpertRecord } from '../base/expert.js'
import type { Pointer } from '../native/memory.js'
import type { RouterChoice } from './partition.js'

export type RegionCall = {
  /** Number of the region, the same at all ends. */
  readonly region: number
  readonly record: ExpertRecord
  readonly choice: RouterChoice
  /** f32 rows [nEmbd, tokens], contiguous. */
  readonly input: Pointer
  /** f32 rows [nOut, tokens], contiguous; where the sums go. */
  readonly output: Pointer
}

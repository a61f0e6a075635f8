/** What the processes of `incast` agree on. */
import type { Door } from './star-fabrics.js'

export type HeadStart = { readonly folder: string; readonly host: string; readonly nodes: number }

export type Rounds = {
  readonly isCredited: boolean
  readonly replyBytes: number
  readonly rounds: number
}

export type ToHead = { readonly kind: 'rounds' } & Rounds
export type FromHead =
  | { readonly kind: 'doors'; readonly doors: readonly Door[] }
  /** All nodes have joined through both doors, and their links are open. */
  | { readonly kind: 'opened' }
  | {
      readonly kind: 'done'
      /** Of each round. */
      readonly ms: number[]
      /** As the credits of the head see its link. */
      readonly bytesPerSecond: number
      readonly window: number
    }

/** What the processes of `incast` agree on. */

/** Where a node joins. */
export type Door = {
  readonly port: number
  readonly pin: string
  readonly key: { readonly id: string; readonly secret: string }
  readonly isCredited: boolean
}

export type Rounds = {
  readonly isCredited: boolean
  readonly replyBytes: number
  readonly rounds: number
}

export type ToHead = { readonly kind: 'rounds' } & Rounds
export type FromChild =
  | { readonly kind: 'doors'; readonly doors: readonly Door[] }
  /** A node has both connections of both doors; the head has opened all of them. */
  | { readonly kind: 'joined' }
  | { readonly kind: 'opened' }
  | {
      readonly kind: 'done'
      /** Of each round. */
      readonly ms: number[]
      /** As the credits of the head see its link. */
      readonly bytesPerSecond: number
      readonly window: number
    }

export const MODEL_HASH = 'ab'.repeat(32)
/** A process that has no core for a while must not be taken for a dead one. */
export const INCAST_TIMING = { heartbeatMs: 1000, leaseMs: 30_000 } as const

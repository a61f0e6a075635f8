/** What the processes of `heads` agree on. */
import type { Door } from './star-fabrics.js'

/** What the domain grants from. */
export const BUDGETS = ['shared', 'apart', 'none'] as const
export type Budget = (typeof BUDGETS)[number]

export type HeadStart = { readonly folder: string; readonly host: string }

/** Dispatches one after the other, until a time; only those count that end after another. */
export type Turn = {
  readonly budget: Budget
  /** Of a dispatch, header included. */
  readonly bytes: number
  /** As `monotonicMs` tells it. */
  readonly fromMs: number
  readonly untilMs: number
}

export type ToHead = { readonly kind: 'turn' } & Turn
export type FromHead =
  | { readonly kind: 'doors'; readonly doors: Readonly<Record<Budget, Door>> }
  | { readonly kind: 'opened' }
  /** How long each dispatch took that counts, from its start to its answer. */
  | { readonly kind: 'done'; readonly ms: number[] }

/** The same in all processes of this machine. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return 1000 * seconds + nanoseconds / 1e6
}

/** Durations and bounds of membership, in one place. */

export type MembershipSettings = {
  /** A domain sends one as often as this. */
  readonly heartbeatMs: number
  /** Without a heartbeat for so long: do not count on it, ask a replica. */
  readonly suspectMs: number
  /** Without a heartbeat for so long: lost. */
  readonly leaseMs: number
  /** So long after a late answer it is given work again. */
  readonly forgiveMs: number
  /** How often the head calls `tick`; a longer gap means that the head itself stood still. */
  readonly tickMs: number
  /** So many losses within the window, and a node is kept out. */
  readonly flapLosses: number
  readonly flapWindowMs: number
  /** First time of being kept out; doubles each time, until a whole window passes in peace. */
  readonly backoffMs: number
  readonly backoffMaxMs: number
  /** A lost node is remembered so long, an evicted one too. */
  readonly rememberLostMs: number
  readonly rememberEvictedMs: number
  readonly nodesMax: number
}

export const MEMBERSHIP_DEFAULTS: MembershipSettings = {
  heartbeatMs: 1000,
  suspectMs: 2000,
  leaseMs: 3000,
  forgiveMs: 5000,
  tickMs: 250,
  flapLosses: 3,
  flapWindowMs: 60_000,
  backoffMs: 10_000,
  backoffMaxMs: 600_000,
  rememberLostMs: 3_600_000,
  rememberEvictedMs: 86_400_000,
  nodesMax: 1024,
}

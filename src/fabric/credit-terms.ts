/** What is said to a granter of credit, and what it says of its books. */
import type { Come } from './link-estimate.js'

/** One connection to a peer; the generation rises with every new one. */
export type Connection = { readonly peer: number; readonly generation: number }

export type ReplyRequest = {
  readonly peer: number
  readonly transfer: number
  readonly bytes: number
}

export type Arrival = Connection & {
  readonly transfer: number
  readonly bytes: number
  /** Nothing more is to come of the transfer, whatever was asked for. */
  readonly isLast?: boolean
}

/** granted = arrived + outstanding + written off + returned, over all connections ever. */
export type CreditBalance = {
  readonly granted: number
  readonly arrived: number
  readonly outstanding: number
  readonly writtenOff: number
  readonly returned: number
  /** Bytes that came without credit; part of none of the others. */
  readonly excess: number
  readonly window: number
}

export type GranterOptions = {
  /**
   * Whether peers hold some credit at all times, for messages whose size this side cannot know
   * before (dispatches); without it they are granted what is asked for (combines).
   */
  readonly isStanding?: boolean
  readonly leaseUs?: number
  /** What has come from all peers, told by `arrived` or not; absent: what was told. */
  readonly come?: () => Come
}

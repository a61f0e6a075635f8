/**
 * What a sender keeps of the packets that it sent: which are acknowledged, which are lost, which to
 * send next. How it finds out about losses is what TCP's ways of recovery differ in.
 */

export type OutstandingParts = {
  /** Packets of the flow. */
  readonly packets: number
  /** Packets that the receiver keeps for a gap to close. */
  readonly receiveWindow: number
}

export type Outstanding = {
  /** All packets before it are acknowledged. */
  readonly acked: number
  /** The first that was never sent. */
  readonly highest: number
  /** Packets sent since the first that is not acknowledged. */
  readonly unacked: number
  /** Those of them that count as still in the network. */
  readonly inFlight: number
  /** A loss was noticed and not all that was sent before is acknowledged. */
  readonly isRecovering: boolean
  /** So many more packets are there to be sent. */
  extend(packets: number): void
  /** All before `acked` have arrived, and now `arrived` has. */
  acknowledge(acked: number, arrived: number): Progress
  /** All that is not known to have arrived counts as lost. */
  timedOut(): void
  /** The packet to send next when so many may be in the network; from then on it is sent. */
  take(window: number): number | undefined
}

export type Progress = {
  /** A loss was noticed, or everything is mended. */
  readonly change: 'none' | 'lost' | 'recovered'
  readonly restartsTimer: boolean
}

export const NOTHING: Progress = { change: 'none', restartsTimer: false }
export const PROGRESS: Progress = { change: 'none', restartsTimer: true }
export const LOST: Progress = { change: 'lost', restartsTimer: false }
export const RECOVERED: Progress = { change: 'recovered', restartsTimer: true }

/** So many arrivals behind a gap tell of a loss. */
export const DUPLICATES = 3

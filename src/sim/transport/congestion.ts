/**
 * What decides how much a window transport has in flight. One small object per flow; it knows
 * neither packets nor timers, only what the sender tells it, and counts in full packets.
 */

/** What one acknowledgement says. The sender fills the same object each time: keep none. */
export type Ack = {
  nowPs: number
  /** Packets acknowledged for the first time; 0 for a duplicate. */
  packets: number
  /** All packets before this one have arrived. */
  acked: number
  /** The first packet never sent; with `acked` it tells one window of data from the next. */
  highest: number
  /** From sending the packet that caused it, its wait in the sender's own NIC included. */
  roundTripPs: number
  smoothedPs: number
  /** A switch marked that packet. */
  isMarked: boolean
  isRecovering: boolean
  /** Whether the window held the sender back; if not, nothing is known about a larger one. */
  isWindowFull: boolean
}

/** What is known when packets were lost. */
export type Loss = {
  readonly nowPs: number
  /** Packets sent and not acknowledged. */
  readonly inFlight: number
  readonly smoothedPs: number
}

export type Congestion = {
  /**
   * Packets that may be in flight, of which only whole ones count; below 1: one packet in flight,
   * and one round trip divided by this between two of them.
   */
  readonly window: number
  acked(ack: Ack): void
  /** Duplicates told of a loss; once for all losses of one window. */
  lost(loss: Loss): void
  /** All that was in flight when the loss was noticed has arrived. */
  recovered(inFlight: number): void
  /** Nothing arrived for too long. `attempt` counts from 1 for the same packet. */
  timedOut(loss: Loss, attempt: number): void
}

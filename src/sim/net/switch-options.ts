/** How switches treat the packets that queue in them. */

export type SwitchOptions = {
  /** Room of each port's queue; a packet on its way out through the port takes none. */
  readonly bufferBytes: number
  readonly shared?: SharedBuffer
  readonly ecn?: EcnMarking
  readonly trim?: Trimming
  readonly pause?: PauseThresholds
}

/**
 * All ports of a switch share `bytes`; a queue may have `alpha` times what is free (Choudhury and
 * Hahne, IEEE/ACM ToN 1998), and never more than `bufferBytes`.
 */
export type SharedBuffer = { readonly bytes: number; readonly alpha: number }

/**
 * Marks what finds the queue longer than `maxBytes`, and with a chance that rises from 0 to
 * `maxChance` what finds it between `minBytes` and `maxBytes`. DCTCP's step at K: both are K. On
 * the queue's length of the moment, without RED's average, as DCTCP and DCQCN ask.
 */
export type EcnMarking = {
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxChance: number
}

/**
 * What finds no room loses its payload, and its header goes on in the urgent queue (Handley et al.,
 * NDP, SIGCOMM 2017).
 */
export type Trimming = {
  /** Room for urgent packets, at each port. */
  readonly urgentBytes: number
  /** Whether a header that finds no room there is sent back to where it came from. */
  readonly isReturning?: boolean
}

/**
 * Priority flow control (IEEE 802.1Qbb): a switch that holds more than `xoffBytes` from one link
 * stops the sender of that link until it holds `xonBytes` or less. Urgent packets are of another
 * class and go on.
 */
export type PauseThresholds = { readonly xoffBytes: number; readonly xonBytes: number }

/** A step at `bytes`. */
export function markAbove(bytes: number): EcnMarking {
  return { minBytes: bytes, maxBytes: bytes, maxChance: 1 }
}

/**
 * What can still come after a pause was decided: what is on the wire both ways, the packet that
 * keeps the pause waiting, the one whose sending has begun, and the pause itself.
 * @param latencyS of the node that is told to pause
 */
export function pauseHeadroomBytes(link: {
  readonly bytesPerSecond: number
  readonly propagationS: number
  readonly latencyS: number
  readonly packetBytes: number
}): number {
  const flightS = 2 * (link.propagationS + link.latencyS)
  return Math.ceil(flightS * link.bytesPerSecond) + 2 * link.packetBytes + PAUSE_BYTES
}

/** A pause frame with preamble. */
export const PAUSE_BYTES = 72

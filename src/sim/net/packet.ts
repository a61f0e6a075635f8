/** What a packet is marked with. Knows nothing of who reads it. */

/**
 * What a packet is for. Transports alone look at it: to the network, what carries payload can be
 * trimmed and what is urgent goes first.
 */
export const KIND = {
  data: 0,
  ack: 1,
  /** Names data that did not arrive, or arrived without its payload. */
  nack: 2,
  /** Asks for one more packet (NDP), or grants credit for more bytes (EQDS, our fabric). */
  pull: 3,
  /** Congestion notification of DCQCN. */
  cnp: 4,
  /** Says that a sender has bytes to send. */
  want: 5,
  /** Gives back credit that was not used. */
  forfeit: 6,
} as const

export type Kind = (typeof KIND)[keyof typeof KIND]

/** Bits of a packet's flags. */
export const FLAG = {
  /** Travels from the receiver of the flow to its sender; set by the network. */
  toSender: 1,
  /** Goes in the first queue of every port, which the second waits for and no pause stops. */
  urgent: 2,
  /** Switches may mark it instead of dropping it (ECT). */
  ecnCapable: 4,
  /** A switch saw a long queue (CE). */
  marked: 8,
  /** The receiver tells that what this acknowledges was marked (ECE). */
  echo: 16,
  /** A switch cut its payload off; `bytes` is what is left. */
  trimmed: 32,
  /** A switch that could not even keep the header sent it back. */
  returned: 64,
  /** Free for the transport, for example: the last of the flow. */
  last: 128,
} as const

/** Ethernet, IP and transport headers of any packet; all of a packet without payload. */
export const HEADER_BYTES = 64

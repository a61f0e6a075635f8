/**
 * The seam between the network and what sends over it. A transport is one object per simulation: it
 * keeps the state of the sender and the receiver of every flow (and of every host, where flows
 * share it), and moves it forward when the network calls. It is pure: what it does depends on the
 * calls, on `network.nowPs` and on `network.random` alone. Knows nothing of links, queues and
 * topologies.
 *
 * To write one: a function `(network) => Transport` with the constants of its paper; columns (typed
 * arrays by flow number) or one small object per flow for state. See `fixed-window.ts`.
 */
import type { Prng } from '../../base/prng.js'
import type { FlowTable } from './flow-table.js'
import type { Kind } from './packet.js'
import type { PacketPool } from './packet-pool.js'

/** An answer that `from` will have for `to`. */
export type ExpectedReply = { readonly from: number; readonly to: number; readonly bytes: number }

/** Timers of each flow, and of each host. */
export const TIMERS = 4

export type Transport = {
  readonly name: string
  /** Whether flows take turns at the port of the host that sends, as those of Linux's TCP do. */
  readonly isFairAtHosts?: boolean
  /**
   * Answers that hosts ask for now, all of one step at once: for transports that grant what is
   * asked for. What asks for them, or they themselves, are flows already.
   */
  expect?(replies: readonly ExpectedReply[]): void
  /** A flow begins; each flow once, but not in order of their numbers. */
  start(flow: number): void
  /**
   * A packet reached the host that receives the flow. It is freed when this returns: keep numbers,
   * never the packet.
   */
  receiverGot(packet: number): void
  /** A packet (acknowledgement, credit, returned header) reached the host that sends the flow. */
  senderGot(packet: number): void
  /** Timer `which` (0 to TIMERS - 1) of a flow, set by `setFlowTimer`, ran out. */
  flowTimer(flow: number, which: number): void
  /** As `flowTimer`, of a host: for what flows share, for example the pace of pulls. */
  hostTimer(host: number, which: number): void
}

export type TransportFactory = (network: Network) => Transport

/** What a transport may know and do. Valid from the factory's call on. */
export type Network = {
  /** Whole picoseconds since the simulation began. */
  readonly nowPs: number
  readonly random: Prng
  /** Columns are replaced when they grow: read them through here each time, never keep one. */
  readonly packets: PacketPool
  readonly flows: FlowTable
  readonly hosts: number
  /** Paths between two hosts of different leaves: `packets.path` counts from 0 to this. */
  readonly paths: number

  /**
   * A new packet from the sender of the flow to its receiver, of `payload` bytes and a header.
   * Fill in further fields, then `send` it, within the same call.
   */
  toReceiver(flow: number, kind: Kind, payload: number, flags: number): number
  /** As `toReceiver`, the other way and without payload. */
  toSender(flow: number, kind: Kind, flags: number): number
  /** Hands the packet to the NIC of the host it starts from; its queue there has no end. */
  send(packet: number): void
  /** Bytes that wait in a host's NIC: who sends at a rate holds back while a pause stops it. */
  nicBytes(host: number): number

  /** Replaces what the timer was set to. `atPs` not before `nowPs`. */
  setFlowTimer(flow: number, which: number, atPs: number): void
  cancelFlowTimer(flow: number, which: number): void
  isFlowTimerSet(flow: number, which: number): boolean
  setHostTimer(host: number, which: number, atPs: number): void
  cancelHostTimer(host: number, which: number): void
  isHostTimerSet(host: number, which: number): boolean

  /**
   * The receiver has so many more bytes of the flow, not counted before; with the last of them the
   * flow is finished. More than the flow has is an error of the transport.
   */
  delivered(flow: number, payload: number): void
  /** Counts a payload sent again, for the report. */
  retransmitted(flow: number): void
  /** Counts a time-out, for the report. */
  timedOut(flow: number): void

  /** Bytes per second of a host's NIC. */
  hostRate(host: number): number
  /**
   * Time from handing a packet of `bytes` to an idle network until its last bit is received: all
   * serialisation, propagation and switching on a shortest path, in picoseconds.
   */
  zeroLoadPs(source: number, destination: number, bytes: number): number
}

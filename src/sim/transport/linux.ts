/** What hosts do under any TCP unless told otherwise: as Linux has it. */
import { PS_PER_S } from '../net/time.js'
import type { Network } from '../net/transport.js'

/** Packets at the start (RFC 6928). */
export const INITIAL_WINDOW = 10
/** RFC 6298 asks for 1 s, and data centres set 1 to 10 ms. */
export const LEAST_TIMEOUT_PS = 0.2 * PS_PER_S
/** What a receiver keeps for a gap to close (`tcp_rmem`). */
export const RECEIVE_BYTES = 6 * 1024 * 1024
const NIC_BYTES = 256 * 1024

/** Whether its NIC needs no more before the next acknowledgement (small queues). */
export function isNicFull(network: Network, host: number): boolean {
  return network.nicBytes(host) >= NIC_BYTES
}

/** Of a packet there and one back while nothing else is under way; headers included. */
export function idleRoundTripPs(
  network: Network,
  flow: number,
  { there, back }: { readonly there: number; readonly back: number },
): number {
  const source = network.flows.source[flow] ?? 0
  const destination = network.flows.destination[flow] ?? 0
  return (
    network.zeroLoadPs(source, destination, there) + network.zeroLoadPs(destination, source, back)
  )
}

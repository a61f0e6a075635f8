/**
 * Hosts on one switch as fluids see them: a link to the switch and one from it for each host.
 * Headers count, and so does the way of the last packet.
 */
import { FluidNetwork } from './fluid.js'

export type StarOptions = {
  /** Of each host's port, each way. */
  readonly hostBytesPerSecond: readonly number[]
  /** Through cables and switch, one way, beside the bytes. */
  readonly latencyS: number
  /** Payload of a full packet, and what is put before each. */
  readonly packet: { readonly payloadBytes: number; readonly headerBytes: number }
}

export function fluidStar({ hostBytesPerSecond, latencyS, packet }: StarOptions): FluidNetwork {
  const hosts = hostBytesPerSecond.length
  const { payloadBytes, headerBytes } = packet
  return new FluidNetwork({
    capacities: [...hostBytesPerSecond, ...hostBytesPerSecond],
    route: (from, to) => [from, hosts + to],
    wireBytes: (bytes) => bytes + headerBytes * Math.ceil(bytes / payloadBytes),
    // The switch sends on what it has whole.
    pathS: ({ to, bytes }) =>
      latencyS + (Math.min(bytes, payloadBytes) + headerBytes) / (hostBytesPerSecond[to] ?? 1),
  })
}

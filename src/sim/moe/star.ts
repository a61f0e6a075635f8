/**
 * Hosts on one switch, each with a port of its own speed: as fluids see them and as packets do.
 * Knows nothing of who they are.
 */
import { HEADER_BYTES } from '../net/packet.js'
import type { Topology } from '../net/topology.js'
import { FluidNetwork } from './fluid.js'

export type StarTerms = {
  /** Of each host's port, each way. */
  readonly hostBytesPerSecond: readonly number[]
  /** Through cables and switch, one way, beside the bytes. */
  readonly latencyS: number
}

export type FluidStarOptions = StarTerms & {
  /** Of a full packet. */
  readonly payloadBytes: number
  readonly isInTurn?: boolean
}

/** Headers count, and so does the way of the last packet. */
export function fluidStar(options: FluidStarOptions): FluidNetwork {
  const { hostBytesPerSecond, latencyS, payloadBytes, isInTurn = false } = options
  const hosts = hostBytesPerSecond.length
  return new FluidNetwork({
    capacities: [...hostBytesPerSecond, ...hostBytesPerSecond],
    route: (from, to) => [from, hosts + to],
    wireBytes: (bytes) => bytes + HEADER_BYTES * Math.ceil(bytes / payloadBytes),
    // The switch sends on what it has whole.
    pathS: ({ to, bytes }) =>
      latencyS + (Math.min(bytes, payloadBytes) + HEADER_BYTES) / (hostBytesPerSecond[to] ?? 1),
    isInTurn,
  })
}

export function packetStar({ hostBytesPerSecond, latencyS }: StarTerms): Topology {
  const hosts = hostBytesPerSecond.length
  const links = hostBytesPerSecond.map((bytesPerSecond, host) => ({
    ...{ a: host, b: hosts, bytesPerSecond, propagationS: latencyS / 2 },
  }))
  const none = { switchLatencyS: 0, hostLatencyS: 0 }
  return { name: `star of ${hosts}`, hosts, switches: 1, links, ...none }
}

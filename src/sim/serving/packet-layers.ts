/**
 * How long the head waits for one layer's experts, packet by packet: head and domains on one
 * switch, under the fabric's own credits or under TCP alone. One network lives through the whole
 * simulation, so connections are as warm as those of a fleet at work.
 */

import { SEGMENT_BYTES } from '../../fabric/credit-window.js'
import { layerOf } from '../moe/layer-networks.js'
import { PacketMessages } from '../moe/packets.js'
import { playLayer } from '../moe/play-layer.js'
import { markAbove } from '../net/switch-options.js'
import { star, type Topology } from '../net/topology.js'
import type { TransportFactory } from '../net/transport.js'
import { DCTCP_MARK_BYTES } from '../transport/dctcp.js'
import { fabricCredit } from '../transport/fabric-credit.js'
import { cubic, dctcp } from '../transport/window-transport.js'
import type { LayerNetwork, Links } from './layer-network.js'

export const PACKET_TRANSPORTS = ['credits', 'cubic', 'dctcp'] as const
export type PacketTransport = (typeof PACKET_TRANSPORTS)[number]

/** Layers until credits know the links and TCP its windows. */
const WARM_UP = 30
/** All ports share the buffer; a queue may have as much as is free. */
const ALPHA = 1

export function packetLayers(
  links: Links,
  { transport, seed }: { readonly transport: PacketTransport; readonly seed: number },
): LayerNetwork {
  const factories: Record<PacketTransport, TransportFactory> = {
    credits: fabricCredit(),
    cubic: cubic({ payloadBytes: SEGMENT_BYTES }),
    dctcp: dctcp({ payloadBytes: SEGMENT_BYTES }),
  }
  const { bufferBytes } = links
  const messages = new PacketMessages({
    topology: topologyOf(links),
    switches: {
      bufferBytes,
      shared: { bytes: bufferBytes, alpha: ALPHA },
      ...(transport === 'dctcp' && { ecn: markAbove(DCTCP_MARK_BYTES) }),
    },
    transport: factories[transport],
    multipath: 'flow',
    seed,
  })
  let isWarm = false
  return (exchanges) => {
    const layer = layerOf(exchanges)
    for (let left = isWarm ? 0 : WARM_UP; left > 0; left--) playLayer(messages, layer)
    isWarm = true
    return playLayer(messages, layer).totalS
  }
}

/** Programs and network cards take their time at the end of each way. */
function topologyOf({ headBytesPerSecond, domainBytesPerSecond, latencyS }: Links): Topology {
  const rates = [headBytesPerSecond, ...domainBytesPerSecond]
  const even = star({
    hosts: rates.length,
    bytesPerSecond: headBytesPerSecond,
    propagationS: 0,
    hostLatencyS: latencyS,
  })
  const links = even.links.map((link, host) => ({
    ...link,
    bytesPerSecond: rates[host] ?? headBytesPerSecond,
  }))
  return { ...even, links }
}

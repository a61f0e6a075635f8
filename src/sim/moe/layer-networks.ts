/**
 * Ways to time the layers of a fleet with one head, for the simulation of serving: from packets with
 * the fabric's credits, from fluids, or remembered from a layer like it. The head is host 0.
 */
import { defined } from '../../base/assert.js'
import type { LayerNetwork, Links } from '../serving/layer-network.js'
import { FabricCredit } from '../transport/fabric-credit.js'
import { type LayerPlayer, type MemoryOptions, playOn, RememberedLayers } from './layer-players.js'
import { PacketMessages } from './packets.js'
import type { PlayedLayer } from './play-layer.js'
import { fluidStar, packetStar, type StarTerms } from './star.js'

/** Payload of a full TCP segment. */
const SEGMENT_BYTES = 1448
/**
 * Layers before any counts: the credits begin with the speed of the slowest link and find that of a
 * fast one in some twenty layers, a part of one step.
 */
const WARM_UP = 24
/** A network that has carried so many flows is replaced, so that memory stays bounded. */
const FLOWS_MAX = 1 << 18

/** What a host sends goes in turn, as TCP lets it; checked against packets with credits. */
export function fluidLayers(links: Links): LayerNetwork {
  const options = { ...starOf(links), payloadBytes: SEGMENT_BYTES, isInTurn: true }
  return layersOf(playOn(fluidStar(options)))
}

export type PacketLayersOptions = {
  /** Of each port of the switch. */
  readonly bufferBytes: number
  readonly seed: number
}

export function packetLayers(options: PacketLayersOptions): (links: Links) => LayerNetwork {
  return (links) => layersOf(creditPlayer(starOf(links), options))
}

/** From packets where no layer like it was seen before. */
export function rememberedLayers(
  options: PacketLayersOptions & Pick<MemoryOptions, 'grain'>,
): (links: Links) => LayerNetwork {
  return (links) => {
    const star = starOf(links)
    // Ports of one speed can stand for each other.
    const kindOf = (host: number): number => star.hostBytesPerSecond[host] ?? 0
    const { grain } = options
    return layersOf(new RememberedLayers(creditPlayer(star, options), { grain, kindOf }).play)
  }
}

export function layersOf(play: LayerPlayer): LayerNetwork {
  return (exchanges) => {
    const computeS = new Map(exchanges.map((one) => [one.domain + 1, one.computeS]))
    const layer: PlayedLayer = {
      exchanges: exchanges.map(({ domain, dispatchBytes, combineBytes }) => ({
        ...{ source: 0, domain: domain + 1, dispatchBytes, combineBytes },
      })),
      computeS: (host) => computeS.get(host) ?? 0,
    }
    return play(layer).totalS
  }
}

/** Packets on a star of hosts, with credits over TCP that are warm. */
export function creditPlayer(star: StarTerms, options: PacketLayersOptions): LayerPlayer {
  let network: PacketMessages | undefined
  return (layer) => {
    if (network !== undefined && network.network.flows.count > FLOWS_MAX) network = undefined
    if (network === undefined) {
      network = creditMessages(star, options)
      for (let i = 0; i < WARM_UP; i++) playOn(network)(layer)
    }
    return playOn(network)(layer)
  }
}

export function creditMessages(
  star: StarTerms,
  { bufferBytes, seed }: PacketLayersOptions,
): PacketMessages {
  let credit: FabricCredit | undefined
  return new PacketMessages({
    topology: packetStar(star),
    switches: { bufferBytes },
    transport: (network) => {
      credit = new FabricCredit(network)
      return credit
    },
    multipath: 'flow',
    seed,
    expect: (replies) => defined(credit, 'credits of a network').expect(replies),
  })
}

export function starOf({ headBytesPerSecond, domainBytesPerSecond, latencyS }: Links): StarTerms {
  return { hostBytesPerSecond: [headBytesPerSecond, ...domainBytesPerSecond], latencyS }
}

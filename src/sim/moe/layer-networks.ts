/**
 * The layers of a fleet with one head, as the simulation of serving sees them and as they are
 * played: the head is host 0, domain d is host d + 1.
 */
import type { Exchange, LayerNetwork, Links } from '../serving/layer-network.js'
import type { PlayedLayer } from './play-layer.js'
import { type MemoryOptions, RememberedLayers } from './remembered-layers.js'

/**
 * `network` is asked only for layers unlike those before. Domains whose ports are of one speed can
 * stand for each other.
 */
export function rememberedLayers(
  network: LayerNetwork,
  { links, grain }: { readonly links: Links } & Pick<MemoryOptions, 'grain'>,
): LayerNetwork {
  const kindOf = (host: number): number => links.domainBytesPerSecond[host - 1] ?? 0
  const seconds = (layer: PlayedLayer): number => network(exchangesOf(layer))
  const memory = new RememberedLayers(seconds, { grain, kindOf })
  return (exchanges) => memory.play(layerOf(exchanges))
}

export function layerOf(exchanges: readonly Exchange[]): PlayedLayer {
  const computeS = new Map(exchanges.map((one) => [one.domain + 1, one.computeS]))
  return {
    exchanges: exchanges.map(({ domain, dispatchBytes, combineBytes }) => ({
      ...{ source: 0, domain: domain + 1, dispatchBytes, combineBytes },
    })),
    computeS: (host) => computeS.get(host) ?? 0,
  }
}

function exchangesOf({ exchanges, computeS }: PlayedLayer): Exchange[] {
  return exchanges.map(({ domain, dispatchBytes, combineBytes }) => ({
    ...{ domain: domain - 1, dispatchBytes, computeS: computeS(domain), combineBytes },
  }))
}

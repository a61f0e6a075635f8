/**
 * Plays one layer over a network: all dispatches leave at once, a domain computes when it has all
 * of its own, and answers all who asked; the layer is over when the last sum is back. Knows nothing
 * of what carries the bytes.
 */
import type { MessageNetwork } from './network.js'

/** Hosts are as the network numbers them. */
export type LayerExchange = {
  readonly source: number
  readonly domain: number
  readonly dispatchBytes: number
  readonly combineBytes: number
}

export type PlayedLayer = {
  readonly exchanges: readonly LayerExchange[]
  /** Of the domain on a host. */
  readonly computeS: (domain: number) => number
}

/** From the first dispatch. */
export type LayerTimes = {
  /** Until the last dispatch had arrived. */
  readonly dispatchS: number
  /** Until the last combine had. */
  readonly totalS: number
  /** Of the domain that computed longest. */
  readonly computeS: number
  /** By combine, in the order in which they arrived. */
  readonly combinesS: readonly number[]
}

export function playLayer(network: MessageNetwork, layer: PlayedLayer): LayerTimes {
  const fromS = network.nowS
  const combinesS: number[] = []
  let dispatchS = 0
  let computeS = 0
  for (const [domain, exchanges] of byDomain(layer.exchanges)) {
    let missing = exchanges.length
    const answer = (): void => {
      for (const { source, combineBytes } of exchanges) {
        const message = { from: domain, to: source, bytes: combineBytes, isAnswer: true }
        move(network, message, () => {
          combinesS.push(network.nowS - fromS)
        })
      }
    }
    const arrived = (): void => {
      missing--
      if (missing > 0) return
      dispatchS = Math.max(dispatchS, network.nowS - fromS)
      const ownS = layer.computeS(domain)
      computeS = Math.max(computeS, ownS)
      network.after(ownS, answer)
    }
    for (const { source, dispatchBytes, combineBytes } of exchanges) {
      const message = { from: source, to: domain, bytes: dispatchBytes, replyBytes: combineBytes }
      move(network, message, arrived)
    }
  }
  network.run()
  return { dispatchS, totalS: combinesS.at(-1) ?? 0, computeS, combinesS }
}

/** What stays on its host takes no network. */
function move(
  network: MessageNetwork,
  message: Parameters<MessageNetwork['send']>[0],
  arrived: () => void,
): void {
  if (message.from === message.to || message.bytes === 0) network.after(0, arrived)
  else network.send(message, arrived)
}

function byDomain(exchanges: readonly LayerExchange[]): Map<number, LayerExchange[]> {
  const groups = new Map<number, LayerExchange[]>()
  for (const exchange of exchanges) {
    const group = groups.get(exchange.domain) ?? []
    group.push(exchange)
    groups.set(exchange.domain, group)
  }
  return groups
}

/**
 * Finds out once what holds for all layers of one pattern of traffic. Knows nothing of how it is
 * found out.
 */
import type { PlayedLayer } from './play-layer.js'

export type MemoryOptions = {
  /**
   * Layers are alike whose numbers differ by less than this share of themselves; 0: only equal ones
   * are. The time of the first of them is told for all.
   */
  readonly grain: number
  /** Hosts of one kind can stand for each other; default: all are of one kind. */
  readonly kindOf?: (host: number) => number
  /** Layers kept, the oldest are forgotten. */
  readonly most?: number
}

const MOST = 1 << 16

/**
 * Remembers by pattern of traffic. Where one host asks, it does not matter which of several hosts
 * of one kind has which part; where several do, the pattern is kept as it is.
 */
export class RememberedLayers<Found> {
  readonly #find: (layer: PlayedLayer) => Found
  readonly #options: MemoryOptions
  readonly #known = new Map<string, Found>()
  played = 0
  remembered = 0

  constructor(find: (layer: PlayedLayer) => Found, options: MemoryOptions) {
    this.#find = find
    this.#options = options
  }

  readonly play = (layer: PlayedLayer): Found => {
    const key = this.#keyOf(layer)
    const known = this.#known.get(key)
    if (known !== undefined) {
      this.remembered++
      return known
    }
    this.played++
    const found = this.#find(layer)
    this.#known.set(key, found)
    const [oldest] = this.#known.keys()
    if (this.#known.size > (this.#options.most ?? MOST) && oldest !== undefined) {
      this.#known.delete(oldest)
    }
    return found
  }

  #keyOf({ exchanges, computeS }: PlayedLayer): string {
    const { kindOf = () => 0 } = this.#options
    const isOneAsking = exchanges.every(({ source }) => source === exchanges[0]?.source)
    const parts = exchanges.map(({ source, domain, dispatchBytes, combineBytes }) => {
      const sizes = [dispatchBytes, combineBytes, computeS(domain)].map((size) => this.#round(size))
      const ends = isOneAsking ? [kindOf(domain), domain === source] : [source, domain]
      return [...ends, ...sizes].join(' ')
    })
    return (isOneAsking ? parts.sort() : parts).join('\n')
  }

  #round(size: number): number {
    const { grain } = this.#options
    return grain === 0 || size === 0 ? size : Math.round(Math.log(size) / Math.log1p(grain))
  }
}

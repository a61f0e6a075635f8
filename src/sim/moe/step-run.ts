/**
 * Plays all layers of a step with experts, one after the other, layer by layer so that a caller can
 * show progress and stop. Knows nothing of the trunk.
 */
import { quantile, sum } from '../../base/statistics.js'
import { type MoeOptions, MoeTraffic } from './moe-step.js'
import type { MessageNetwork } from './network.js'
import { PacketMessages } from './packets.js'
import { type LayerTimes, playLayer } from './play-layer.js'
import { type StepNetwork, stepNetwork } from './step-networks.js'

export type StepOptions = MoeOptions & {
  readonly network: StepNetwork
  readonly tokens: number
  readonly bufferBytes: number
  /** One way between two hosts, beside the bytes. */
  readonly latencyS: number
  /** Layers before those that count: connections and credits find the speed of the links. */
  readonly warmUp: number
}

export type StepResult = {
  readonly copyPer: MoeOptions['copyPer']
  readonly layers: number
  /** Domains that a token goes to, or experts. */
  readonly copiesPerToken: number
  readonly dispatchBytes: number
  readonly combineBytes: number
  readonly seconds: number
  /** What of that is not the longest computation of a layer. */
  readonly networkS: number
  readonly layerP50S: number
  readonly layerP99S: number
  /** Of packets, warm-up included; absent where there are none. */
  readonly packets?: {
    readonly transmissions: number
    readonly dropped: number
    readonly timeouts: number
  }
}

export class StepRun {
  readonly #options: StepOptions
  readonly #traffic: MoeTraffic
  readonly #network: MessageNetwork
  readonly #times: LayerTimes[] = []
  #warmed = 0
  #rows = 0
  #dispatchBytes = 0
  #combineBytes = 0

  /** @throws SputnikError PLACEMENT_FULL */
  constructor(options: StepOptions) {
    this.#options = options
    this.#traffic = new MoeTraffic(options)
    const { bytesPerSecond, bufferBytes, latencyS, seed } = options
    const hostBytesPerSecond = new Array<number>(this.#traffic.hosts).fill(bytesPerSecond)
    const terms = { hostBytesPerSecond, latencyS, bufferBytes, seed }
    this.#network = stepNetwork(options.network, terms)
  }

  get isDone(): boolean {
    return this.#times.length === this.#traffic.layers
  }

  /** Of all layers, those played: 0 to 1. */
  get share(): number {
    const { warmUp } = this.#options
    return (this.#warmed + this.#times.length) / (warmUp + this.#traffic.layers)
  }

  /** Plays one more layer. */
  advance(): void {
    const { warmUp, tokens, copyPer } = this.#options
    const layer = this.#warmed < warmUp ? this.#warmed % this.#traffic.layers : this.#times.length
    const load = this.#traffic.load(layer, tokens)
    const played = this.#traffic.played(layer, load)
    const times = playLayer(this.#network, played)
    if (this.#warmed < warmUp) {
      this.#warmed++
      return
    }
    this.#times.push(times)
    for (const { pairs, tokens: copies } of load.exchanges) {
      this.#rows += copyPer === 'domain' ? copies : pairs
    }
    for (const { source, domain, dispatchBytes, combineBytes } of played.exchanges) {
      if (source === domain) continue
      this.#dispatchBytes += dispatchBytes
      this.#combineBytes += combineBytes
    }
  }

  /** Of the layers so far. */
  get result(): StepResult {
    const layers = this.#times.length
    const totals = this.#times.map(({ totalS }) => totalS)
    const seconds = totals.reduce((sum, one) => sum + one, 0)
    const computeS = this.#times.reduce((sum, one) => sum + one.computeS, 0)
    return {
      copyPer: this.#options.copyPer,
      layers,
      copiesPerToken: this.#rows / (this.#options.tokens * layers),
      dispatchBytes: this.#dispatchBytes,
      combineBytes: this.#combineBytes,
      seconds,
      networkS: seconds - computeS,
      layerP50S: quantile(totals, 0.5),
      layerP99S: quantile(totals, 0.99),
      ...this.#packets(),
    }
  }

  #packets(): Pick<StepResult, 'packets'> {
    if (!(this.#network instanceof PacketMessages)) return {}
    const { counters, flows } = this.#network.network
    const { transmissions, droppedPackets: dropped } = counters
    const timeouts = sum(flows.timeouts)
    return { packets: { transmissions, dropped, timeouts } }
  }
}

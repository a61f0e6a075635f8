/**
 * Runs an experiment in slices, so that a caller can show progress and stop it: a result can be
 * taken at any time. How it is sliced changes nothing of what happens.
 */

import type { Message } from '../moe/network.js'
import { PacketNetwork } from '../net/packet-network.js'
import { psOf, secondsOf } from '../net/time.js'
import { type ExpectedReply, FabricCredit } from '../transport/fabric-credit.js'
import { type Bound, boundOf } from './bound.js'
import { type Experiment, payloadBytesOf, roundTripS } from './experiment.js'
import { topologyOf } from './network-shape.js'
import { deliveredBytes, Samples } from './samples.js'
import { switchOptionsOf } from './switching.js'
import { TRANSPORTS } from './transports.js'
import { messagesOf } from './workload.js'

/** All flows finished, the time was up, nothing moved any more, or somebody stopped it. */
export type End = 'finished' | 'until' | 'stalled' | 'stopped'

/** In the time that a round takes at best. */
const SAMPLES_PER_ROUND = 200
const SAMPLE_LEAST_S = 1e-7

export class ExperimentRun {
  readonly experiment: Experiment
  readonly bound: Bound
  readonly network: PacketNetwork
  readonly samples = new Samples()
  readonly #messages: readonly Message[]
  readonly #roundsS: number[] = []
  #roundStartPs = 0

  constructor(experiment: Experiment) {
    this.experiment = experiment
    this.bound = boundOf(experiment)
    this.#messages = messagesOf(experiment)
    const everyS = Math.max(SAMPLE_LEAST_S, this.bound.seconds / SAMPLES_PER_ROUND)
    this.network = new PacketNetwork({
      topology: topologyOf(experiment.network),
      switches: switchOptionsOf(experiment),
      transport: transportOf(experiment),
      multipath: experiment.spray,
      seed: experiment.seed,
      onFinished: () => this.#finished(),
      probe: { everyPs: psOf(everyS), sample: (network) => this.samples.take(network) },
    })
    this.#startRound()
  }

  /** Undefined while there is more to do. */
  get end(): Exclude<End, 'stopped'> | undefined {
    const { nowPs, isIdle } = this.network
    if (this.#isFinished && isIdle) return 'finished'
    if (nowPs >= psOf(this.experiment.untilS)) return this.#isFinished ? 'finished' : 'until'
    return isIdle ? 'stalled' : undefined
  }

  /** How long each round that finished took. */
  get roundsS(): readonly number[] {
    return this.#roundsS
  }

  get flowsTotal(): number {
    return this.#messages.length * this.experiment.rounds
  }

  /** Of all payload, what has arrived: 0 to 1. */
  get share(): number {
    return deliveredBytes(this.network) / (this.flowsTotal * this.experiment.bytes)
  }

  /** Goes on for so many events at most. */
  advance(events: number): void {
    this.network.run({ events, untilPs: psOf(this.experiment.untilS) })
  }

  get #isFinished(): boolean {
    return this.#roundsS.length === this.experiment.rounds
  }

  #startRound(): void {
    this.#roundStartPs = this.network.nowPs
    for (const { from, to, bytes } of this.#messages) {
      const startPs = this.#roundStartPs
      this.network.addFlow({ source: from, destination: to, bytes, startPs })
    }
    const { transport } = this.network
    if (transport instanceof FabricCredit) transport.expect(this.#asked())
  }

  /** All messages of an incast are answers to the host that they go to. */
  #asked(): ExpectedReply[] {
    if (this.experiment.workload.kind !== 'incast') return []
    return this.#messages.map(({ from, to, bytes }) => ({ from, to, bytes }))
  }

  #finished(): void {
    const { flows, nowPs } = this.network
    if (flows.finishedCount < flows.count) return
    this.#roundsS.push(secondsOf(nowPs - this.#roundStartPs))
    if (!this.#isFinished) this.#startRound()
  }
}

function transportOf(experiment: Experiment) {
  const { leastTimeoutS, network } = experiment
  return TRANSPORTS[experiment.transport].make({
    payloadBytes: payloadBytesOf(experiment),
    flightBytes: network.bytesPerSecond * roundTripS(experiment),
    ...(leastTimeoutS === undefined ? {} : { leastTimeoutPs: psOf(leastTimeoutS) }),
  })
}

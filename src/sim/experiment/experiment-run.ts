/**
 * Runs an experiment in slices, so that a caller can show progress and stop it: a result can be
 * taken at any time. How it is sliced changes nothing of what happens.
 */

import type { Message } from '../moe/network.js'
import { PacketNetwork } from '../net/packet-network.js'
import { psOf, secondsOf } from '../net/time.js'
import { type Bound, boundOf } from './bound.js'
import { type Experiment, payloadBytesOf, roundTripS } from './experiment.js'
import { pathOf, slowestOf, topologyOf } from './network-shape.js'
import { payloadOf, type Round, type Traffic } from './rounds.js'
import { Samples } from './samples.js'
import { switchOptionsOf } from './switching.js'
import { TRANSPORTS } from './transports.js'
import { trafficOf } from './workload.js'

/** All flows finished, the time was up, nothing moved any more, or somebody stopped it. */
export type End = 'finished' | 'until' | 'stalled' | 'stopped'

/** In the time that a round takes at best. */
const SAMPLES_PER_ROUND = 200
const SAMPLE_LEAST_S = 1e-7

/** How long a round took, and how long it had to. */
export type RoundTime = { readonly seconds: number; readonly bound: Bound }

type AddOptions = { readonly isAnswer: boolean; readonly afterS?: number }

export class ExperimentRun {
  readonly experiment: Experiment
  readonly network: PacketNetwork
  readonly samples = new Samples()
  readonly #traffic: Traffic
  /** Those that finished. */
  readonly rounds: RoundTime[] = []
  #round: Round
  #bound: Bound
  #startPs = 0
  /** Its first flow, and those it has in all. */
  #first = 0
  #roundFlows = 0

  constructor(experiment: Experiment) {
    this.experiment = experiment
    this.#traffic = trafficOf(experiment)
    this.#round = this.#traffic()
    this.#bound = boundOf(this.#round, experiment)
    const everyS = Math.max(SAMPLE_LEAST_S, this.#bound.seconds / SAMPLES_PER_ROUND)
    this.network = new PacketNetwork({
      topology: topologyOf(experiment.network),
      switches: switchOptionsOf(experiment),
      transport: transportOf(experiment),
      multipath: experiment.spray,
      seed: experiment.seed,
      onFinished: (flow) => this.#finished(flow),
      probe: { everyPs: psOf(everyS), sample: (network) => this.samples.take(network) },
    })
    this.#begin()
  }

  /** Undefined while there is more to do. */
  get end(): Exclude<End, 'stopped'> | undefined {
    const { nowPs, isIdle } = this.network
    if (this.#isFinished && isIdle) return 'finished'
    if (nowPs >= psOf(this.experiment.untilS)) return this.#isFinished ? 'finished' : 'until'
    return isIdle ? 'stalled' : undefined
  }

  /** Of the round under way, or of the last. */
  get bound(): Bound {
    return this.#bound
  }

  /** Of all rounds that have begun. */
  get flowsTotal(): number {
    return this.#first + this.#roundFlows
  }

  /** Of all that is to be sent, what has arrived: 0 to 1, about. */
  get share(): number {
    const { flows } = this.network
    let bytes = 0
    for (let flow = this.#first; flow < flows.count; flow++) {
      bytes += flows.deliveredBytes[flow] ?? 0
    }
    const ofRound = this.#isFinished ? 0 : bytes / payloadOf(this.#round)
    return (this.rounds.length + ofRound) / this.experiment.rounds
  }

  /** Goes on for so many events at most. */
  advance(events: number): void {
    this.network.run({ events, untilPs: psOf(this.experiment.untilS) })
  }

  get #isFinished(): boolean {
    return this.rounds.length === this.experiment.rounds
  }

  #begin(): void {
    const { messages, answers } = this.#round
    this.#startPs = this.network.nowPs
    this.#first = this.network.flows.count
    this.#roundFlows = messages.length + answers.length
    for (const message of messages) this.#add(message, { isAnswer: this.#areAnswers })
    this.#expect()
  }

  #add({ from, to, bytes }: Message, { isAnswer, afterS = 0 }: AddOptions): void {
    const startPs = this.network.nowPs + psOf(afterS)
    this.network.addFlow({ source: from, destination: to, bytes, startPs, isAnswer })
  }

  /** Heads that ask for answers grant credit for them. */
  #expect(): void {
    const { messages, answers } = this.#round
    this.network.transport.expect?.(this.#areAnswers ? messages : answers)
  }

  /** An incast is what its receiver asked for. */
  get #areAnswers(): boolean {
    return this.experiment.workload.kind === 'incast'
  }

  #finished(flow: number): void {
    const message = flow - this.#first
    if (message < this.#round.messages.length) {
      for (const answer of this.#round.answersTo(message)) {
        this.#add(answer, { isAnswer: true, afterS: answer.afterS })
      }
    }
    const { finishedCount } = this.network.flows
    if (finishedCount < this.flowsTotal) return
    const seconds = secondsOf(this.network.nowPs - this.#startPs)
    this.rounds.push({ seconds, bound: this.#bound })
    if (this.#isFinished) return
    this.#round = this.#traffic()
    this.#bound = boundOf(this.#round, this.experiment)
    this.#begin()
  }
}

function transportOf(experiment: Experiment) {
  const { leastTimeoutS, network, bufferBytes } = experiment
  const tripS = roundTripS(experiment)
  const { links } = pathOf(network)
  // Trimming keeps as many headers as packets.
  const fullS = (2 * 2 * links * bufferBytes) / slowestOf(network)
  return TRANSPORTS[experiment.transport].make({
    payloadBytes: payloadBytesOf(experiment),
    flightBytes: network.bytesPerSecond * tripS,
    roundTripPs: psOf(tripS),
    longestTripPs: psOf(tripS + fullS),
    ...(leastTimeoutS === undefined ? {} : { leastTimeoutPs: psOf(leastTimeoutS) }),
  })
}

/** Layers of a model between one head and its domains, over packets, and steps made of them. */
import { Prng } from '../../src/base/prng.js'
import { quantile } from '../../src/base/statistics.js'
import { ExperimentRun } from '../../src/sim/experiment/experiment-run.js'
import { makeExperiment } from '../../src/sim/experiment/make-experiment.js'
import type { TransportName } from '../../src/sim/experiment/transports.js'

export type Link = {
  readonly bytesPerSecond: number
  /** Of each port of the switch. */
  readonly bufferBytes: number
}

export type Layers = {
  readonly model: string
  /** Four to a domain. */
  readonly card: string
  readonly tokens: number
  readonly seed: number
  /** Before those that count, so that windows and estimates settle. */
  readonly warmUp: number
  readonly played: number
}

export type Way = {
  readonly transport: TransportName
  /** Least time-out; absent: 200 ms. */
  readonly leastTimeoutS?: number
}

export type IncastRun = {
  readonly layersS: readonly number[]
  /** Least times of the same layers on such links. */
  readonly boundsS: readonly number[]
  /** Of a layer, those before the ones that count included. */
  readonly drops: number
  readonly timeouts: number
}

/** 1,448 bytes of payload, as TCP has in an Ethernet packet. */
const MTU_BYTES = 1512
const UNTIL_S = 3600
const SLICE = 1e6

export function incastRun(
  layers: Layers,
  { domains, link, way }: { domains: number; link: Link; way: Way },
): IncastRun {
  const { model, card, tokens, seed, warmUp, played } = layers
  const rounds = warmUp + played
  const run = new ExperimentRun(
    makeExperiment(
      {
        ...{ workload: { kind: 'moe', model }, card, tokens, seed, rounds },
        ...{ hosts: domains + 1, rate: link.bytesPerSecond, buffer: link.bufferBytes },
        ...{ mtu: MTU_BYTES, until: UNTIL_S, rto: way.leastTimeoutS },
      },
      way.transport,
    ),
  )
  while (run.end === undefined) run.advance(SLICE)
  const { counters, flows } = run.network
  const counted = run.rounds.slice(warmUp)
  return {
    layersS: counted.map(({ seconds }) => seconds),
    boundsS: counted.map(({ bound }) => bound.seconds),
    drops: counters.droppedPackets / rounds,
    timeouts: flows.timeouts.reduce((sum, count) => sum + count, 0) / rounds,
  }
}

export type StepTimes = { readonly p50S: number; readonly p99S: number }

const STEPS = 4000
const SEED = 1

/** A step has `layers` layers, each drawn from those that were played. */
export function stepTimes(layersS: readonly number[], layers: number): StepTimes {
  const prng = Prng.fromSeed(SEED)
  const steps = Array.from({ length: STEPS }, () => {
    let sum = 0
    for (let layer = 0; layer < layers; layer++) {
      sum += layersS[prng.nextBelow(layersS.length)] ?? 0
    }
    return sum
  })
  return { p50S: quantile(steps, 0.5), p99S: quantile(steps, 0.99) }
}

/** What came of a run, in SI units; nothing of how long it took to compute. */
import { assert } from '../../base/assert.js'
import { quantile, sum } from '../../base/statistics.js'
import type { PacketNetwork } from '../net/packet-network.js'
import { secondsOf } from '../net/time.js'
import type { Bound } from './bound.js'
import type { Experiment } from './experiment.js'
import type { End, ExperimentRun, RoundTime } from './experiment-run.js'
import { deliveredBytes, type Sample } from './samples.js'

/** Null where nothing finished. */
export type Spread = {
  readonly p50S: number | null
  readonly p99S: number | null
  readonly maxS: number | null
}

export type RunResult = {
  readonly experiment: Experiment
  readonly end: End
  readonly simulatedS: number
  /** Of the round that was farthest from it. */
  readonly bound: Bound
  readonly flows: { readonly total: number; readonly finished: number } & Spread
  readonly rounds: { readonly total: number; readonly finished: number } & Spread
  /** Of the round that was farthest from its bound; null when none finished. */
  readonly overBound: number | null
  /** Of what the bottleneck could carry until the last flow finished, the payload it did carry. */
  readonly goodputShare: number
  readonly drops: number
  readonly trims: number
  readonly returns: number
  readonly marks: number
  readonly retransmits: number
  readonly timeouts: number
  readonly pauses: number
  /** Most that waited in one queue of a switch. */
  readonly queuePeakBytes: number
  /** Packets that left a port; each hop of a packet is one. */
  readonly transmissions: number
  readonly packetsPeak: number
  readonly books: Books
  readonly eventHash: string
  readonly samples: readonly Sample[]
  readonly completions: readonly Completion[]
}

export type Completion = {
  readonly source: number
  readonly destination: number
  readonly startS: number
  /** Null where it did not finish. */
  readonly tookS: number | null
}

/** Bytes on the wire: those sent are all somewhere. */
export type Books = {
  readonly sentBytes: number
  readonly arrivedBytes: number
  readonly droppedBytes: number
  /** Payload that trimming cut off. */
  readonly cutBytes: number
  readonly queuedBytes: number
  readonly flyingBytes: number
}

/** At any time; a run that has not ended counts as stopped. */
export function resultOf(run: ExperimentRun): RunResult {
  const { network, experiment } = run
  const { counters, flows } = network
  const completions = completionsOf(network)
  const tookS = completions.flatMap((one) => (one.tookS === null ? [] : [one.tookS]))
  const slowest = slowestOf(run.rounds)
  const bound = slowest?.bound ?? run.bound
  return {
    experiment,
    end: run.end ?? 'stopped',
    simulatedS: secondsOf(network.nowPs),
    bound,
    flows: { total: run.flowsTotal, finished: flows.finishedCount, ...spreadOf(tookS) },
    rounds: {
      total: experiment.rounds,
      finished: run.rounds.length,
      ...spreadOf(run.rounds.map(({ seconds }) => seconds)),
    },
    overBound: slowest === undefined ? null : slowest.seconds / slowest.bound.seconds,
    goodputShare: goodputShare({ network, bound }, completions),
    drops: counters.droppedPackets,
    trims: counters.trimmedPackets,
    returns: counters.returnedPackets,
    marks: counters.markedPackets,
    retransmits: sum(flows.retransmits),
    timeouts: sum(flows.timeouts),
    pauses: network.switches.pauseControl?.pauses ?? 0,
    queuePeakBytes: network.switches.peakBytes.reduce((most, bytes) => Math.max(most, bytes), 0),
    transmissions: counters.transmissions,
    packetsPeak: network.packets.peak,
    books: booksOf(network),
    eventHash: network.eventHash,
    samples: run.samples.all,
    completions,
  }
}

function completionsOf({ flows }: PacketNetwork): Completion[] {
  return Array.from({ length: flows.count }, (_, flow) => {
    const startPs = flows.startPs[flow] ?? 0
    const tookPs = (flows.finishedPs[flow] ?? Number.NaN) - startPs
    return {
      source: flows.source[flow] ?? 0,
      destination: flows.destination[flow] ?? 0,
      startS: secondsOf(startPs),
      tookS: Number.isNaN(tookPs) ? null : secondsOf(tookPs),
    }
  })
}

function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) return { p50S: null, p99S: null, maxS: null }
  const maxS = values.reduce((most, value) => Math.max(most, value), 0)
  return { p50S: quantile(values, 0.5), p99S: quantile(values, 0.99), maxS }
}

/** By how far it is from its bound. */
function slowestOf(rounds: readonly RoundTime[]): RoundTime | undefined {
  const over = ({ seconds, bound }: RoundTime): number => seconds / bound.seconds
  return rounds.reduce<RoundTime | undefined>(
    (most, one) => (most === undefined || over(one) > over(most) ? one : most),
    undefined,
  )
}

function goodputShare(
  { network, bound }: { readonly network: PacketNetwork; readonly bound: Bound },
  completions: readonly Completion[],
): number {
  const lastS = completions.reduce((last, { startS, tookS }) => {
    return tookS === null ? last : Math.max(last, startS + tookS)
  }, 0)
  const isAll = network.flows.finishedCount === network.flows.count
  const seconds = isAll ? lastS : secondsOf(network.nowPs)
  if (seconds === 0) return 0
  return (deliveredBytes(network) * bound.share) / (bound.bytesPerSecond * seconds)
}

function booksOf({ counters, ports }: PacketNetwork): Books {
  const books = {
    sentBytes: counters.sentBytes,
    arrivedBytes: counters.arrivedBytes,
    droppedBytes: counters.droppedBytes,
    cutBytes: counters.trimmedBytes,
    queuedBytes: sum(ports.plainBytes) + sum(ports.urgentBytes),
    flyingBytes: counters.flyingBytes,
  }
  const { sentBytes, ...places } = books
  const found = Object.values(places).reduce((total, bytes) => total + bytes, 0)
  assert(found === sentBytes, `of ${sentBytes} bytes sent, ${found} are somewhere`)
  return books
}

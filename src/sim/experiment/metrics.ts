/** What is told of a run, as text: the same in a table of many runs and in a list of one. */
import { formatValue } from '../../chart/number-format.js'
import type { Experiment } from './experiment.js'
import type { SweepPoint } from './plan-runs.js'
import type { RunResult } from './result.js'
import { TRANSPORTS } from './transports.js'

export type Outcome = {
  readonly result: RunResult
  readonly point?: SweepPoint
  /** How long it took to compute. */
  readonly wallS: number
}

export type Metric = {
  /** Of a column. */
  readonly title: string
  /** In a list. */
  readonly name: string
  readonly text: (outcome: Outcome) => string
  /** Where it is nothing in all runs, it goes without saying. */
  readonly isIdle?: (outcome: Outcome) => boolean
}

const count = (
  title: string,
  name: string,
  of: (result: RunResult) => number,
  unit = '',
): Metric => ({
  title,
  name,
  text: ({ result }) => (unit === '' ? String(of(result)) : formatValue(of(result), unit)),
  isIdle: ({ result }) => of(result) === 0,
})

const took = (title: string, name: string, of: (result: RunResult) => number | null): Metric => ({
  title,
  name,
  text: ({ result }) => seconds(of(result)),
})

const hasOneRound = ({ result }: Outcome): boolean => result.rounds.total === 1

const METRICS: readonly Metric[] = [
  took('p50', 'flow completion, p50', ({ flows }) => flows.p50S),
  took('p99', 'flow completion, p99', ({ flows }) => flows.p99S),
  took('max', 'flow completion, max', ({ flows }) => flows.maxS),
  { ...took('round p50', 'round, p50', ({ rounds }) => rounds.p50S), isIdle: hasOneRound },
  { ...took('round p99', 'round, p99', ({ rounds }) => rounds.p99S), isIdle: hasOneRound },
  took('bound', 'round at line rate', ({ bound }) => bound.seconds),
  {
    title: '/ bound',
    name: 'slowest round / line rate',
    text: ({ result: { overBound } }) => (overBound === null ? '-' : overBound.toFixed(3)),
  },
  {
    title: 'goodput',
    name: 'goodput of the bottleneck',
    text: ({ result }) => `${(100 * result.goodputShare).toFixed(1)} %`,
  },
  count('drops', 'packets dropped', ({ drops }) => drops),
  count('trims', 'packets trimmed', ({ trims }) => trims),
  count('returns', 'headers returned', ({ returns }) => returns),
  count('marks', 'packets marked (ECN)', ({ marks }) => marks),
  count('sent again', 'packets sent again', ({ retransmits }) => retransmits),
  count('time-outs', 'time-outs', ({ timeouts }) => timeouts),
  count('pauses', 'pauses (PFC)', ({ pauses }) => pauses),
  count('max queue', 'longest queue', ({ queuePeakBytes }) => queuePeakBytes, 'B'),
  {
    title: 'packets',
    name: 'packet transmissions',
    text: ({ result }) => String(result.transmissions),
  },
  { title: 'event hash', name: 'event hash', text: ({ result }) => result.eventHash },
]

/** Packets transmitted per second of computing. */
export function packetsPerSecond(outcomes: readonly Outcome[]): number {
  const packets = outcomes.reduce((sum, { result }) => sum + result.transmissions, 0)
  const wallS = outcomes.reduce((sum, outcome) => sum + outcome.wallS, 0)
  return wallS > 0 ? packets / wallS : 0
}

/** Of these runs. */
export function metricsOf(outcomes: readonly Outcome[]): Metric[] {
  return METRICS.filter(({ isIdle }) => isIdle === undefined || !outcomes.every(isIdle))
}

export function nameOf({ result: { experiment }, point }: Outcome): string {
  return runName(experiment, point)
}

/** What tells a run from the others. */
export function runName({ transport }: Experiment, point: SweepPoint | undefined): string {
  const { title } = TRANSPORTS[transport]
  return point === undefined ? title : `${title}, ${point.field} ${point.text}`
}

const ENDS = {
  finished: 'finished',
  until: 'time was up',
  stalled: 'stalled',
  stopped: 'stopped',
} as const

export function endOf({ result }: Outcome): string {
  const { finished, total } = result.flows
  return result.end === 'finished' ? 'finished' : `${ENDS[result.end]}, ${finished}/${total} flows`
}

export function isPartial({ result }: Outcome): boolean {
  return result.end !== 'finished'
}

function seconds(value: number | null): string {
  return value === null ? '-' : formatValue(value, 's')
}

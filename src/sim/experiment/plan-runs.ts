/**
 * Which runs a description asks for: one for each value of a sweep and each transport that is
 * compared. Knows nothing of how they are run.
 */
import { SputnikError } from '../../base/errors.js'
import { DEFAULTS } from './defaults.js'
import type { Experiment } from './experiment.js'
import { checkFields, type Fields } from './fields.js'
import { unfit } from './fit.js'
import { makeExperiment } from './make-experiment.js'
import type { TransportName } from './transports.js'
import { messageCount } from './workload.js'

export type PlannedRun = {
  readonly experiment: Experiment
  /** Of a sweep: the value as it was written, and as a number in SI units. */
  readonly point?: SweepPoint
}

export type SweepPoint = { readonly field: string; readonly text: string; readonly value: number }

const SWEPT = [
  'hosts',
  'rate',
  'delay',
  'buffer',
  'mtu',
  'ecn',
  'rto',
  'bytes',
  'tokens',
  'rounds',
  'seed',
]
const POINTS_MAX = 64

export const SWEEP_HELP = `senders, ${SWEPT.join(', ')}`

/** What is kept of every flow until the report. */
const MESSAGES_MAX = 1 << 21

/** Every experiment is checked before the first is run. @throws SputnikError */
export function planRuns(fields: Fields): PlannedRun[] {
  const runs = runsOf(fields)
  const messages = runs.reduce((sum, { experiment }) => {
    return sum + messageCount(experiment) * experiment.rounds
  }, 0)
  if (messages <= MESSAGES_MAX) return runs
  const text = `${messages} messages in ${runs.length} runs; at most ${MESSAGES_MAX}`
  throw new SputnikError('SIM_TOO_LARGE', text)
}

function runsOf(fields: Fields): PlannedRun[] {
  const transports = transportsOf(fields)
  if (fields.sweep === undefined) {
    return transports.map((transport) => ({ experiment: makeExperiment(fields, transport) }))
  }
  return sweepOf(fields.sweep).flatMap((point) =>
    transports.map((transport) => ({
      experiment: makeExperiment(fieldsAt(fields, point), transport),
      point: { ...point, value: numberOf(point) },
    })),
  )
}

function transportsOf({ transport, compare }: Fields): readonly TransportName[] {
  if (transport !== undefined && compare !== undefined) {
    throw unfit('transport and compare are both given', 'leave one of them out')
  }
  return compare ?? [transport ?? DEFAULTS.transport]
}

type WrittenPoint = Omit<SweepPoint, 'value'>

/** `senders=8,16,...,431`: the dots go on by the factor before them. */
function sweepOf(text: string): WrittenPoint[] {
  const [, field, list] = /^(\w+)=(.+)$/.exec(text) ?? []
  if (field === undefined || list === undefined) {
    throw invalid(`"${text}" is no sweep; write it as in senders=8,16,...,431`)
  }
  if (field !== 'senders' && !SWEPT.includes(field)) {
    throw invalid(`${field} cannot be swept; choose one of ${SWEEP_HELP}`)
  }
  const values = list.split(',').map((value) => value.trim())
  const all = values.flatMap((value, i) => (value === '...' ? goOn(values, i) : [value]))
  if (all.length > POINTS_MAX) throw invalid(`${all.length} values; at most ${POINTS_MAX}`)
  return all.map((value) => ({ field, text: value }))
}

function goOn(values: readonly string[], at: number): string[] {
  const [first, second, last] = [values[at - 2], values[at - 1], values[at + 1]].map(Number)
  const isGood = first !== undefined && second !== undefined && last !== undefined
  if (!isGood || !(first > 0 && second > first && last > second)) {
    throw invalid('before "..." two growing numbers must stand, and the last one after it')
  }
  const factor = second / first
  const found: string[] = []
  for (let value = second * factor; value < last; value *= factor) {
    if (found.length > POINTS_MAX) throw invalid(`over ${POINTS_MAX} values`)
    found.push(String(Math.round(value)))
  }
  return found
}

function fieldsAt(fields: Fields, { field, text }: WrittenPoint): Fields {
  const given = field === 'senders' ? { workload: `incast:${text}` } : { [field]: text }
  return { ...fields, ...checkFields(given, 'sweep') }
}

function numberOf({ field, text }: WrittenPoint): number {
  if (field === 'senders') return Number(text)
  const checked = checkFields({ [field]: text }, 'sweep')
  const value = Object.values(checked)[0]
  return typeof value === 'number' ? value : Number.NaN
}

function invalid(problem: string): SputnikError {
  return new SputnikError('PLAN_INVALID', `sweep: ${problem}`, { source: 'sweep' })
}

/** Runs as text: one as a list, several as a table. */
import { formatTable } from '../../base/table.js'
import { BITS_PER_BYTE } from '../../base/units.js'
import { formatValue } from '../../chart/number-format.js'
import type { Experiment } from './experiment.js'
import { endOf, isPartial, metricsOf, nameOf, type Outcome, packetsPerSecond } from './metrics.js'
import { describeNetwork } from './network-shape.js'
import type { RunResult } from './result.js'
import { TRANSPORTS } from './transports.js'
import { describeWorkload } from './workload.js'

export type Report = {
  readonly name?: string | undefined
  /** In the order of their plan; those that were not begun are missing. */
  readonly outcomes: readonly Outcome[]
  readonly planned: number
}

type TextTable = { readonly titles: string[]; readonly rows: string[][] }

export function formatReport(report: Report): string {
  const { outcomes, planned } = report
  if (outcomes.length === 0) return 'PARTIAL RESULT: stopped before the first run'
  const warning = warningOf(report)
  const { titles, rows } = tableOf(report)
  return [
    titleOf(report),
    ...(warning === undefined ? [] : [warning]),
    '',
    ...formatTable(titles, rows),
    ...(planned === 1 ? [] : ['', BOOKS_KEPT]),
    speedOf(outcomes),
  ].join('\n')
}

/** Of many runs; a single one shows its books. */
const BOOKS_KEPT =
  'All bytes sent are accounted for in every run: arrived, dropped, cut off, queued or under way.'

function titleOf(report: Report): string {
  const asked = describeReport(report)
  return report.name === undefined ? asked : `${report.name}: ${asked}`
}

/** What was asked, in a line. */
export function describeReport({ outcomes: [first] }: Report): string {
  return first === undefined ? '' : describe(first)
}

/** Without what a sweep varies, which the table tells. */
function describe({ result: { experiment }, point }: Outcome): string {
  const { bytes, rounds, network, bufferBytes, workload } = experiment
  const unless = (field: string, text: string): string[] => (point?.field === field ? [] : [text])
  const sent = point?.field === 'senders' ? 'incast' : describeWorkload(experiment)
  const size = `of ${formatValue(bytes, 'B')}`
  return [
    workload.kind === 'moe' ? sent : [sent, ...unless('bytes', size)].join(' '),
    ...(rounds === 1 ? [] : unless('rounds', `${rounds} rounds`)),
    ...unless('hosts', describeNetwork(network)),
    ...unless('rate', formatValue(network.bytesPerSecond * BITS_PER_BYTE, 'bit/s')),
    ...unless('delay', `${formatValue(network.delayS, 's')} a link`),
    ...unless('buffer', `queues of ${formatValue(bufferBytes, 'B')}`),
  ].join(', ')
}

/** What keeps the result from being whole. */
export function warningOf({ outcomes, planned }: Report): string | undefined {
  const partial = outcomes.filter(isPartial)
  const missing = planned - outcomes.length
  if (partial.length === 0 && missing === 0) return undefined
  const ends = partial.map((outcome) => `${nameOf(outcome)}: ${endOf(outcome)}`)
  return `PARTIAL RESULT: ${[...ends, ...(missing > 0 ? [`${missing} runs not begun`] : [])].join('; ')}`
}

/** The one line that differs from run to run. */
function speedOf(outcomes: readonly Outcome[]): string {
  const rate = formatValue(packetsPerSecond(outcomes), 'packets')
  return `${rate} transmitted per second of wall time.`
}

/** A row for each thing that is told of one run. */
function listOf(outcome: Outcome): TextTable {
  const { result } = outcome
  const { finished, total } = result.flows
  const rows = metricsOf([outcome]).map(({ name, text }) => [name, text(outcome)])
  return {
    titles: ['transport', TRANSPORTS[result.experiment.transport].title],
    rows: [
      ['switches', describeSwitches(result.experiment)],
      ['flows finished', `${finished} of ${total}`],
      ['bottleneck', `links ${result.bound.bottleneck}`],
      ...rows,
      ['bytes on the wire', describeBooks(result)],
    ],
  }
}

function describeSwitches({ ecn, trim, pfc, spray }: Experiment): string {
  const marking = ecn === false ? [] : [ecn === true ? 'mark' : `mark above ${ecn} B`]
  const full = pfc ? 'pause' : trim ? 'trim' : 'drop'
  return [...marking, full, spray === 'packet' ? 'paths by packet' : 'paths by flow'].join(', ')
}

function describeBooks({ books }: RunResult): string {
  const { sentBytes, arrivedBytes, droppedBytes, cutBytes, queuedBytes, flyingBytes } = books
  const places = [
    [arrivedBytes, 'arrived'],
    [droppedBytes, 'dropped'],
    [cutBytes, 'cut off'],
    [queuedBytes, 'queued'],
    [flyingBytes, 'under way'],
  ] as const
  const said = places.filter(([bytes]) => bytes > 0).map(([bytes, name]) => `${bytes} ${name}`)
  return `${sentBytes} sent = ${said.join(' + ')}`
}

/** The figures of one run as a list, of several as a table. */
export function tableOf({ outcomes, planned }: Report): TextTable {
  const [first] = outcomes
  return planned === 1 && first !== undefined ? listOf(first) : runsTable(outcomes)
}

/** A row for each run. */
function runsTable(outcomes: readonly Outcome[]): TextTable {
  const metrics = metricsOf(outcomes)
  const field = outcomes[0]?.point?.field
  const isWhole = !outcomes.some(isPartial)
  const titles = [
    ...(field === undefined ? [] : [field]),
    'transport',
    ...(isWhole ? [] : ['ended']),
    ...metrics.map(({ title }) => title),
  ]
  const rows = outcomes.map((outcome) => [
    ...(field === undefined ? [] : [outcome.point?.text ?? '']),
    TRANSPORTS[outcome.result.experiment.transport].title,
    ...(isWhole ? [] : [endOf(outcome)]),
    ...metrics.map(({ text }) => text(outcome)),
  ])
  return { titles, rows }
}

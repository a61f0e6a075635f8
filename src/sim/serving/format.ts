/** The report of a simulation of serving as text for people. */
import { formatTable } from '../../base/table.js'
import { SECONDS_PER_HOUR } from '../../base/units.js'
import { formatValue } from '../../chart/number-format.js'
import type { ServingReport, Spread } from './report.js'

/** What was simulated. */
export type ServingSubject = {
  readonly model: string
  readonly fleet: string
  /** Where requests come from. */
  readonly source: string
  readonly hours: number
  readonly parallel: number
  readonly batch: number
  readonly contextLength: number
  readonly domainNames: readonly string[]
  /** Trunk and KV cache lie on cards, all of them. */
  readonly isOnCards: boolean
}

export const LATENCIES = [
  ['queued', 'queued'],
  ['ttft', 'first token'],
  ['tpot', 'per token'],
  ['endToEnd', 'end to end'],
] as const

export function formatServing(
  subject: ServingSubject,
  report: Omit<ServingReport, 'series'>,
): string {
  const figures = figuresOf(subject, report).map(([what, text]) => `${what.padEnd(12)}${text}`)
  const { titles, rows } = latencyTable(report)
  return [
    `${subjectOf(subject)}: ${sourceOf(subject)}`,
    ...stoppedLines(report),
    '',
    ...figures,
    '',
    ...formatTable(titles, rows),
  ].join('\n')
}

export function subjectOf({ model, fleet }: ServingSubject): string {
  return `${model} on ${fleet}`
}

export function sourceOf({ source, hours }: ServingSubject): string {
  return `${source}, ${hours} h`
}

export function stoppedLines({ complete, simulatedS }: Omit<ServingReport, 'series'>): string[] {
  if (complete) return []
  return [`PARTIAL: stopped after ${seconds(simulatedS)}; all figures are of the time before`]
}

/** What is told of the whole: its name and a text of figures. */
export function figuresOf(
  subject: ServingSubject,
  report: Omit<ServingReport, 'series'>,
): [what: string, text: string][] {
  const { requests, throughput, load, utilisation, events, eventHash, seed } = report
  const { parallel, batch, contextLength } = subject
  return [
    ['server', `${parallel} sequences of ${contextLength} tokens, steps of ${batch} tokens`],
    ['requests', countsText(requests)],
    ['measured', `${seconds(report.window.fromS)} to ${seconds(report.window.toS)}`],
    [
      'throughput',
      `${formatValue(throughput.requestsPerSecond, 'requests/s')}, ` +
        `${formatValue(throughput.inputTokensPerSecond, 'tokens/s')} in, ` +
        `${formatValue(throughput.outputTokensPerSecond, 'tokens/s')} out`,
    ],
    ['goodput', goodputText(report)],
    [
      'load',
      `${number(load.running)} running, ${number(load.waiting)} waiting, ` +
        `${number(load.tokensPerStep)} tokens in a step of ${seconds(load.stepS)}`,
    ],
    ['head', headText(utilisation)],
    ...(subject.isOnCards ? [] : [SPILLED]),
    ...domainRows(subject, report),
    ['replay', `seed ${seed}: ${events} events, hash ${eventHash}`],
  ]
}

const SPILLED: [string, string] = [
  '',
  'a part of trunk and KV cache lies in host memory, which is slow: less --parallel or --ctx',
]

function countsText({ arrived, ...states }: ServingReport['requests']): string {
  const parts = Object.entries(states).filter(([, count]) => count > 0)
  return [`${arrived} arrived`, ...parts.map(([state, count]) => `${count} ${state}`)].join(', ')
}

function goodputText({ goodput }: Omit<ServingReport, 'series'>): string {
  const { slo, share, requestsPerSecond, outputTokensPerSecond } = goodput
  if (share === null) return 'no request was measured'
  const limits = [
    ...(slo.ttftS === undefined ? [] : [`first token in ${seconds(slo.ttftS)}`]),
    ...(slo.tpotS === undefined ? [] : [`others in ${seconds(slo.tpotS)} each`]),
  ]
  return (
    `${percent(share)} of requests (${limits.join(', ')}): ` +
    `${formatValue(requestsPerSecond, 'requests/s')}, ${formatValue(outputTokensPerSecond, 'tokens/s')} out`
  )
}

function headText({ head, network, sent, received }: ServingReport['utilisation']): string {
  const port = sent === null || received === null ? '' : portText(sent, received)
  return `${percent(head)} of the time at work, ${percent(network)} waits for the network${port}`
}

function portText(sent: number, received: number): string {
  return `; its port ${percent(sent)} used out, ${percent(received)} in`
}

function domainRows(
  { domainNames }: ServingSubject,
  { utilisation, loadedBytes }: Omit<ServingReport, 'series'>,
): [string, string][] {
  const shares = utilisation.domains
  if (shares.length === 0) return []
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
  const most = shares.indexOf(Math.max(...shares))
  const busiest = `${domainNames[most] ?? 'domain'} (${most}) ${percent(shares[most] ?? 0)}`
  const text = `${shares.length}: ${percent(mean)} of the time at work, the busiest ${busiest}`
  const loaded = loadedBytes > 0 ? `; ${formatValue(loadedBytes, 'B')} of pages loaded` : ''
  return [['domains', `${text}${loaded}`]]
}

/** A row for each kind of latency. */
export function latencyTable({ latency }: Pick<ServingReport, 'latency'>) {
  const titles = ['', 'mean', 'p50', 'p90', 'p99']
  return { titles, rows: LATENCIES.map(([key, name]) => [name, ...spreadCells(latency[key])]) }
}

function spreadCells({ mean, p50, p90, p99 }: Spread): string[] {
  return [mean, p50, p90, p99].map((value) => (value === null ? '-' : seconds(value)))
}

function seconds(value: number): string {
  return value >= 1000 ? `${(value / SECONDS_PER_HOUR).toFixed(2)} h` : formatValue(value, 's')
}

function number(value: number): string {
  return formatValue(value, '')
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

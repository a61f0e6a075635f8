/** Runs as one page with charts. */
import { BITS_PER_BYTE } from '../../base/units.js'
import type { Axis } from '../../chart/axis.js'
import { htmlPage, type Section } from '../../chart/html-page.js'
import { lineChart, type Point, type Series } from '../../chart/line-chart.js'
import { describeReport, type Report, tableOf, warningOf } from './format.js'
import { nameOf, type Outcome } from './metrics.js'
import type { SweepPoint } from './plan-runs.js'
import type { RunResult } from './result.js'
import { TRANSPORTS } from './transports.js'

/** More curves than this in one chart cannot be told apart. */
const CURVES_MAX = 8

export function experimentPage(report: Report): string {
  const warning = warningOf(report)
  const { outcomes } = report
  const swept = outcomes[0]?.point === undefined ? [] : [sweepSection(outcomes)]
  const overTime = outcomes.length > CURVES_MAX ? [] : timeSections(outcomes)
  return htmlPage({
    title: report.name ?? 'A network, simulated',
    subtitle: describeReport(report),
    sections: [
      {
        ...(warning === undefined ? {} : { paragraphs: [warning] }),
        table: tableOf(report),
      },
      ...swept,
      ...overTime,
    ],
  })
}

/** Of fields that are no mere numbers. */
const SWEPT_UNITS: Readonly<Record<string, string>> = {
  ...{ rate: 'bit/s', delay: 's', rto: 's' },
  ...{ buffer: 'B', mtu: 'B', ecn: 'B', bytes: 'B' },
}

function sweepSection(outcomes: readonly Outcome[]): Section {
  const field = outcomes[0]?.point?.field ?? ''
  const unit = SWEPT_UNITS[field] ?? ''
  const isLog = outcomes.every(({ point }) => point !== undefined && point.value > 0)
  const x = { title: field, unit, scale: isLog ? 'log' : 'linear' } as const
  return {
    title: `By ${field}`,
    charts: [
      lineChart({
        title: 'Slowest round against line rate',
        x,
        y: { title: 'times as long', scale: 'log', covers: [1] },
        series: byTransport(outcomes, ({ overBound }) => overBound),
      }),
      lineChart({
        title: 'Goodput of the bottleneck',
        x,
        y: { title: 'of its rate', unit: '%', covers: [0] },
        series: byTransport(outcomes, ({ goodputShare }) => 100 * goodputShare),
      }),
    ],
  }
}

function byTransport(
  outcomes: readonly Outcome[],
  y: (result: RunResult) => number | null,
): Series[] {
  const names = [...new Set(outcomes.map(({ result }) => result.experiment.transport))]
  return names.map((transport) => ({
    name: TRANSPORTS[transport].title,
    points: outcomes
      .filter(({ result }) => result.experiment.transport === transport)
      .map(({ result, point }) => ({ x: sweptValue(point), y: y(result) ?? Number.NaN })),
  }))
}

function sweptValue(point: SweepPoint | undefined): number {
  if (point === undefined) return Number.NaN
  return point.field === 'rate' ? BITS_PER_BYTE * point.value : point.value
}

function timeSections(outcomes: readonly Outcome[]): Section[] {
  const time = timeAxis(
    'time',
    outcomes.flatMap(({ result }) => result.samples.at(-1)?.timeS ?? []),
  )
  const completion = timeAxis(
    'flow completion',
    outcomes.flatMap(({ result }) => tookOf(result)),
  )
  const seriesOf = (points: (result: RunResult) => Point[], shape: 'line' | 'step'): Series[] =>
    outcomes.map((outcome) => ({ name: nameOf(outcome), shape, points: points(outcome.result) }))
  const queue = lineChart({
    title: 'Longest queue of a switch',
    x: time,
    y: { title: 'queue', unit: 'B', covers: [0] },
    series: seriesOf(queuePoints, 'step'),
  })
  const flows = lineChart({
    title: 'Flows that finished within a time',
    x: completion,
    y: { title: 'flows', unit: '%', covers: [0, 100] },
    series: seriesOf(completionPoints, 'step'),
  })
  const rate = lineChart({
    title: 'Payload delivered',
    x: time,
    y: { title: 'rate', unit: 'bit/s', covers: [0] },
    series: seriesOf((result) => ratePoints(result, time.scale ?? 'linear'), 'line'),
  })
  return [
    { title: 'Queue depth', charts: [queue] },
    { title: 'Flow completion', charts: [flows] },
    { title: 'Rate', charts: [rate] },
  ]
}

/** Times farther apart than this hide the short ones on a linear axis. */
const TIMES_APART = 20

function timeAxis(title: string, times: readonly number[]): Axis {
  let [least, most] = [Number.POSITIVE_INFINITY, 0]
  for (const one of times) [least, most] = [Math.min(least, one), Math.max(most, one)]
  const axis = { title, unit: 's' } as const
  return most > TIMES_APART * least ? { ...axis, scale: 'log' } : { ...axis, covers: [0] }
}

function queuePoints({ samples }: RunResult): Point[] {
  return samples.map(({ timeS, queueBytes }) => ({ x: timeS, y: queueBytes }))
}

function tookOf({ completions }: RunResult): number[] {
  return completions.flatMap(({ tookS }) => (tookS === null ? [] : [tookS]))
}

/** Of all flows, also those that did not finish. */
function completionPoints(result: RunResult): Point[] {
  const sorted = tookOf(result).sort((a, b) => a - b)
  const points = sorted.map((x, i) => ({ x, y: (100 * (i + 1)) / result.flows.total }))
  return [0, ...sorted.slice(0, 1)].map((x): Point => ({ x, y: 0 })).concat(points)
}

/** Over less than such a part of the time so far, or of all, packets would show, not a rate. */
const STRETCH = { log: 1 / 20, linear: 1 / 200 } as const

function ratePoints({ samples }: RunResult, scale: 'log' | 'linear'): Point[] {
  const totalS = samples.at(-1)?.timeS ?? 0
  const points: Point[] = []
  let [before] = samples
  for (const sample of samples) {
    if (before === undefined || sample === before) continue
    const tookS = sample.timeS - before.timeS
    if (tookS < STRETCH[scale] * (scale === 'log' ? before.timeS : totalS)) continue
    const bytes = sample.deliveredBytes - before.deliveredBytes
    points.push({ x: sample.timeS, y: (BITS_PER_BYTE * bytes) / tookS })
    before = sample
  }
  return points
}

/** Runs as one page with charts. */
import { BITS_PER_BYTE } from '../../base/units.js'
import { htmlPage, type Section } from '../../chart/html-page.js'
import { lineChart, type Point, type Series } from '../../chart/line-chart.js'
import { type Report, tableOf, titleOf, warningOf } from './format.js'
import { nameOf, type Outcome } from './metrics.js'
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
    title: 'sputnik sim network',
    subtitle: titleOf(report),
    sections: [
      {
        ...(warning === undefined ? {} : { paragraphs: [warning] }),
        table: tableOf(outcomes),
      },
      ...swept,
      ...overTime,
    ],
  })
}

function sweepSection(outcomes: readonly Outcome[]): Section {
  const field = outcomes[0]?.point?.field ?? ''
  const chartOf = (title: string, y: (result: RunResult) => number | null): string =>
    lineChart({
      title,
      x: { title: field, scale: 'log' },
      y: { title, covers: [0] },
      series: byTransport(outcomes, y),
    })
  return {
    title: `By ${field}`,
    charts: [
      chartOf('slowest round / line rate', ({ overBound }) => overBound),
      chartOf('goodput of the bottleneck (%)', ({ goodputShare }) => 100 * goodputShare),
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
      .map(({ result, point }) => ({ x: point?.value ?? 0, y: y(result) ?? Number.NaN })),
  }))
}

function timeSections(outcomes: readonly Outcome[]): Section[] {
  const time = { title: 'time', unit: 's', covers: [0] } as const
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
    x: { ...time, title: 'flow completion' },
    y: { title: 'flows (%)', covers: [0, 100] },
    series: seriesOf(completionPoints, 'step'),
  })
  const rate = lineChart({
    title: 'Payload delivered',
    x: time,
    y: { title: 'rate', unit: 'bit/s', covers: [0] },
    series: seriesOf(ratePoints, 'line'),
  })
  return [
    { title: 'Queue depth', charts: [queue] },
    { title: 'Flow completion', charts: [flows] },
    { title: 'Rate', charts: [rate] },
  ]
}

function queuePoints({ samples }: RunResult): Point[] {
  return samples.map(({ timeS, queueBytes }) => ({ x: timeS, y: queueBytes }))
}

/** Of all flows, also those that did not finish. */
function completionPoints({ completions, flows }: RunResult): Point[] {
  const sorted = completions
    .flatMap(({ tookS }) => (tookS === null ? [] : [tookS]))
    .sort((a, b) => a - b)
  const points = sorted.map((x, i) => ({ x, y: (100 * (i + 1)) / flows.total }))
  return [{ x: 0, y: 0 }, ...points]
}

function ratePoints({ samples }: RunResult): Point[] {
  return samples.slice(1).map(({ timeS, deliveredBytes }, i) => {
    const before = samples[i]
    const bytes = deliveredBytes - (before?.deliveredBytes ?? 0)
    return { x: timeS, y: (BITS_PER_BYTE * bytes) / (timeS - (before?.timeS ?? 0)) }
  })
}

/** A simulation of serving as one page with charts. */
import { SECONDS_PER_HOUR } from '../../base/units.js'
import type { Axis } from '../../chart/axis.js'
import { htmlPage } from '../../chart/html-page.js'
import { lineChart, type Point } from '../../chart/line-chart.js'
import type { Collector } from './collector.js'
import {
  figuresOf,
  LATENCIES,
  latencyTable,
  type ServingSubject,
  sourceOf,
  stoppedLines,
  subjectOf,
} from './format.js'
import type { ServingReport } from './report.js'

type Shown = { readonly report: ServingReport; readonly collector: Collector }
type SeriesName = keyof ServingReport['series']['values']

export function servingPage(subject: ServingSubject, { report, collector }: Shown): string {
  return htmlPage({
    title: `${subjectOf(subject)}, simulated`,
    subtitle: sourceOf(subject),
    sections: [
      {
        paragraphs: stoppedLines(report),
        table: { titles: ['what', 'how much'], rows: figuresOf(subject, report) },
      },
      {
        title: 'Latency',
        charts: [latencyChart(collector)],
        table: latencyTable(report),
      },
      {
        title: 'Over time',
        charts: [queueChart(report), tokensChart(report), useChart(report), ...lossCharts(report)],
      },
    ],
  })
}

/** Share of requests that took no longer. */
function latencyChart({ queued, ttft, tpot, endToEnd }: Collector): string {
  const all = { queued, ttft, tpot, endToEnd }
  return lineChart({
    title: 'How many requests took no longer',
    x: { title: 'time', unit: 's', scale: 'log' },
    y: { title: 'requests', unit: '%', covers: [0, 100] },
    series: LATENCIES.map(([key, name]) => ({ name, points: distribution(all[key]) })),
  })
}

const POINTS = 200

function distribution(values: readonly number[]): Point[] {
  const sorted = [...values].sort((a, b) => a - b)
  return Array.from({ length: POINTS + 1 }, (_, i) => {
    const at = Math.round((i / POINTS) * (sorted.length - 1))
    return { x: sorted[at] ?? 0, y: (100 * i) / POINTS }
  })
}

function queueChart(report: ServingReport): string {
  const names = ['running', 'waiting'] as const
  return overTime(report, { title: 'Requests at the server', names, y: { title: 'requests' } })
}

function tokensChart(report: ServingReport): string {
  const y = { title: 'rate', unit: 'tokens/s' }
  return overTime(report, { title: 'Tokens per second', names: ['input', 'output'], y })
}

function useChart(report: ServingReport): string {
  const y = { title: 'of the time', unit: '%' }
  return overTime(report, { title: 'How busy the head is', names: ['head'], y, factor: 100 })
}

/** Nothing where nothing was lost. */
function lossCharts(report: ServingReport): string[] {
  const names = ['failed', 'rejected'] as const
  if (names.every((name) => report.requests[name] === 0)) return []
  const y = { title: 'rate', unit: 'requests/s' }
  return [overTime(report, { title: 'Requests lost per second', names, y })]
}

function overTime(
  { series: { stretchS, values } }: ServingReport,
  chart: { title: string; names: readonly SeriesName[]; y: Axis; factor?: number },
): string {
  const { title, names, y, factor = 1 } = chart
  return lineChart({
    title,
    x: { title: 'time', unit: 'h' },
    y: { ...y, covers: [0] },
    series: names.map((name) => ({
      name,
      shape: 'step' as const,
      points: values[name].map((value, at) => ({
        x: (at * stretchS) / SECONDS_PER_HOUR,
        y: factor * value,
      })),
    })),
  })
}

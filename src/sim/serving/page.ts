/** A simulation of serving as one page with charts. */
import { SECONDS_PER_HOUR } from '../../base/units.js'
import { htmlPage } from '../../chart/html-page.js'
import { lineChart, type Point } from '../../chart/line-chart.js'
import type { Collector } from './collector.js'
import { formatServing, LATENCIES, latencyTable, type ServingSubject, titleOf } from './format.js'
import type { ServingReport } from './report.js'

type Shown = { readonly report: ServingReport; readonly collector: Collector }
type SeriesName = keyof ServingReport['series']['values']

export function servingPage(subject: ServingSubject, { report, collector }: Shown): string {
  return htmlPage({
    title: 'Serving, simulated',
    subtitle: titleOf(subject),
    sections: [
      {
        paragraphs: formatServing(subject, report)
          .split('\n')
          .filter((line) => line !== ''),
      },
      {
        title: 'Latency',
        charts: [latencyChart(collector)],
        table: latencyTable(report),
      },
      {
        title: 'Over time',
        charts: [queueChart(report), tokensChart(report), useChart(report), lossChart(report)],
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
    y: { title: 'share of requests', covers: [0, 1] },
    series: LATENCIES.map(([key, name]) => ({ name, points: distribution(all[key]) })),
  })
}

const POINTS = 200

function distribution(values: readonly number[]): Point[] {
  const sorted = [...values].sort((a, b) => a - b)
  return Array.from({ length: POINTS + 1 }, (_, i) => {
    const at = Math.round((i / POINTS) * (sorted.length - 1))
    return { x: sorted[at] ?? 0, y: i / POINTS }
  })
}

function queueChart(report: ServingReport): string {
  return overTime(report, { title: 'Requests at the server', names: ['running', 'waiting'] })
}

function tokensChart(report: ServingReport): string {
  const names = ['input', 'output'] as const
  return overTime(report, { title: 'Tokens per second', names, unit: 'tokens/s' })
}

function useChart(report: ServingReport): string {
  return overTime(report, { title: 'Share of the time the head works', names: ['head'] })
}

function lossChart(report: ServingReport): string {
  const names = ['failed', 'rejected'] as const
  return overTime(report, { title: 'Requests lost per second', names, unit: 'requests/s' })
}

function overTime(
  { series: { stretchS, values } }: ServingReport,
  chart: { title: string; names: readonly SeriesName[]; unit?: string },
): string {
  const { title, names, unit } = chart
  return lineChart({
    title,
    x: { title: 'time', unit: 'h' },
    y: { title: '', covers: [0], ...(unit !== undefined && { unit }) },
    series: names.map((name) => ({
      name,
      shape: 'step' as const,
      points: values[name].map((y, at) => ({ x: (at * stretchS) / SECONDS_PER_HOUR, y })),
    })),
  })
}

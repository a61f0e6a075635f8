/** A plan as a page with charts. */
import { BITS_PER_BYTE, MONTHS_PER_YEAR } from '../../base/units.js'
import { barChart } from '../../chart/bar-chart.js'
import type { HtmlPage, Section } from '../../chart/html-page.js'
import { lineChart, type Series } from '../../chart/line-chart.js'
import { duration, plural, usd, whole } from '../numbers.js'
import type { Alternative, CurvePoint, PhaseTimes, Plan, PlanResult } from './plan.js'
import { planPage } from './plan-page.js'
import { partName } from './sections/speed.js'

/** Charts of the sections that are called so. */
const CHARTS: Readonly<Record<string, (plan: Plan & PlanResult) => readonly string[]>> = {
  'How fast': speedCharts,
  'Where the time goes': timeCharts,
  'What the network is worth': nicCharts,
  'What it will be worth': valueCharts,
}

export function chartedPage(plan: Plan): HtmlPage {
  const page = planPage(plan)
  if (!plan.fits) return page
  return { ...page, sections: page.sections.map((section) => charted(section, plan)) }
}

function charted(section: Section, plan: Plan & PlanResult): Section {
  const charts = CHARTS[section.title ?? '']?.(plan) ?? []
  return charts.length === 0 ? section : { ...section, charts }
}

type Offered = { readonly name: string; readonly curve: readonly CurvePoint[] }

function offered({ fleet, speed, alternatives }: Plan & PlanResult): Offered[] {
  return [{ name: fleet.name, curve: speed.curve }, ...alternatives]
}

function speedCharts(plan: Plan & PlanResult): string[] {
  const series = (y: (point: CurvePoint) => number): Series[] =>
    offered(plan).map(({ name, curve }) => ({
      name,
      points: curve.map((point) => ({ x: 1 / point.tpotS, y: y(point), note: noteOf(point) })),
    }))
  const x = { title: 'what one user gets', unit: 'tokens/s', scale: 'log' } as const
  return [
    lineChart({
      title: 'Throughput of all against the speed of one user',
      x,
      y: { title: 'all users together', unit: 'tokens/s', scale: 'log' },
      series: series(({ outputTokensPerSecond }) => outputTokensPerSecond),
    }),
    lineChart({
      title: 'Cost of a token against the speed of one user',
      x,
      y: { title: 'a million output tokens', unit: '$', scale: 'log' },
      series: series(({ outputMtokUsd }) => outputMtokUsd),
    }),
  ]
}

function noteOf({ batch, ttftS, outputMtokUsd, meetsLimits }: CurvePoint): string {
  const limits = meetsLimits ? '' : '; misses the limits'
  const first = `first token after ${duration(ttftS)}`
  return `${whole(batch)} users, ${first}, ${usd(outputMtokUsd)} a million${limits}`
}

function timeCharts({ speed: { decode, prefill } }: PlanResult): string[] {
  return [
    timeBar(`One token for ${plural(decode.tokens, 'user')}`, decode),
    timeBar(`${whole(prefill.tokens)} tokens of a prompt`, prefill),
  ]
}

/** What two halves of a batch hide of each other is no length, so it is left out. */
function timeBar(title: string, { parts }: PhaseTimes): string {
  const shown = parts.filter(({ seconds }) => seconds > 0)
  return barChart({
    title,
    x: { title: 'time', unit: 's' },
    parts: shown.map(({ part }) => partName(part)),
    bars: [{ name: 'a step', values: shown.map(({ seconds }) => seconds) }],
  })
}

function nicCharts({ byNic, alternatives }: PlanResult): string[] {
  const points = byNic.flatMap(({ bytesPerSecond, outputMtokUsd }) =>
    outputMtokUsd === undefined ? [] : [{ x: bytesPerSecond * BITS_PER_BYTE, y: outputMtokUsd }],
  )
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return []
  const level = ({ name, best }: Alternative): Series[] =>
    best === undefined
      ? []
      : [{ name, points: [first, last].map(({ x }) => ({ x, y: best.outputMtokUsd })) }]
  return [
    lineChart({
      title: 'Cost of a token against the speed of every port',
      x: { title: 'speed of every port', unit: 'bit/s', scale: 'log' },
      y: { title: 'a million output tokens', unit: '$', scale: 'log' },
      series: [{ name: 'this fleet', points }, ...alternatives.flatMap(level)],
    }),
  ]
}

function valueCharts({ value }: PlanResult): string[] {
  if (value === undefined || value.months.length === 0) return []
  const line = (name: string, of: 'low' | 'median' | 'high'): Series => ({
    name,
    points: value.months.map((month) => ({ x: month.month / MONTHS_PER_YEAR, y: 100 * month[of] })),
  })
  return [
    lineChart({
      title: 'Value of the cards over time: nine in ten futures lie between the outer lines',
      x: { title: 'years from now' },
      y: { title: 'of the value of today', unit: '%', covers: [0] },
      series: [line('95 %', 'high'), line('middle', 'median'), line('5 %', 'low')],
      names: 'ends',
    }),
  ]
}

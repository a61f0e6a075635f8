/**
 * Curves and points over two axes: throughput against latency, a queue over time. Knows nothing of
 * what the numbers mean.
 */
import { type Axis, makeScale, type Scale } from './axis.js'
import {
  type Area,
  chart,
  fitText,
  label,
  legend,
  plotSides,
  seriesClass,
  textWidth,
  tickRoom,
  tooltip,
  WIDTH,
  xAxis,
  yAxis,
} from './frame.js'
import { element, type Markup, tenths } from './markup.js'
import { formatValue } from './number-format.js'
import { type Pixel, thin } from './thin.js'

export type Point = {
  readonly x: number
  readonly y: number
  /** Stands beside the point. */
  readonly label?: string
  /** Added to the tooltip. */
  readonly note?: string
}

export type Series = {
  readonly name: string
  /** In the order of the curve; points an axis cannot show are left out. */
  readonly points: readonly Point[]
  /** Default line. A step holds each value until the next one; an area is a step, filled. */
  readonly shape?: 'line' | 'scatter' | 'step' | 'area'
}

export type LineChart = {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /** Where series are named: above the plot, or right of it at the height of their ends. */
  readonly names?: 'legend' | 'ends'
  readonly height?: number
}

/** A point where it is drawn, with what it shows. */
type Placed = Pixel & { readonly point: Point }

type Scales = { readonly x: Scale; readonly y: Scale }

type Plot = Scales & { readonly area: Area }

const MAX_TICKS = 8
/** A curve of more points than this shows none of them by itself: they would be a chain. */
const MAX_MARKS = 50
/** Points that are read out one by one. */
const MAX_TOLD = 20
const END_LINE = 15

/** An SVG element; its colours come from the style sheet of the page. */
export function lineChart(options: LineChart): string {
  const { title, series, height = 420 } = options
  const isNamedAtEnds = options.names === 'ends'
  const scales = { x: valuesScale(options, 'x'), y: valuesScale(options, 'y') }
  const hasLegend = series.length > 1 && !isNamedAtEnds
  const { marks, bottom } = legend(hasLegend ? series.map((one) => keyName(one, scales)) : [])
  const nameRoom = isNamedAtEnds ? Math.max(0, ...series.map(({ name }) => textWidth(name))) : 0
  const plot = makePlot(scales, { top: bottom + 6, height, nameRoom })
  const placed = series.map((one) => place(one, plot))
  const hasPoints = placed.some((points) => points.length > 0)
  const about = series.map((one, i) => inWords(one, placed[i] ?? [], plot))
  return chart({ title, about, height }, [
    ...marks,
    ...xAxis(plot.x, plot.area),
    ...yAxis(plot.y, plot.area),
    ...series.map((one, i) => drawSeries(one, { index: i, points: placed[i] ?? [], plot })),
    ...(isNamedAtEnds ? endNames(series, placed, plot.area) : []),
    ...(hasPoints ? [] : [noData(plot.area)]),
  ])
}

function valuesScale({ series, ...axes }: LineChart, key: 'x' | 'y'): Scale {
  function* values(): Generator<number> {
    for (const { points } of series) for (const point of points) yield point[key]
  }
  return makeScale(axes[key], values(), MAX_TICKS)
}

/** A name in the legend without a curve in the plot would be looked for in vain. */
function keyName({ name, points }: Series, { x, y }: Scales): string {
  const isShown = points.some((point) => x.holds(point.x) && y.holds(point.y))
  return isShown ? name : `${name} (nothing to show)`
}

function makePlot(
  { x, y }: Scales,
  { top, height, nameRoom }: { top: number; height: number; nameRoom: number },
): Plot {
  const { left, right } = plotSides(x, {
    left: tickRoom(y.ticks.map((tick) => tick.label)),
    right: WIDTH - Math.min(WIDTH / 3, nameRoom + 12),
  })
  return { area: { left, right, top, bottom: height - 50 }, x, y }
}

function place({ points }: Series, { area, x, y }: Plot): readonly Placed[] {
  const { left, right, top, bottom } = area
  const shown = points.filter((point) => x.holds(point.x) && y.holds(point.y))
  const placed = shown.map((point) => ({
    x: left + x.shareOf(point.x) * (right - left),
    y: bottom - y.shareOf(point.y) * (bottom - top),
    point,
  }))
  return thin(placed, right - left)
}

/** `fleet: 20 tokens/s at 0.1 s, 35 tokens/s at 0.2 s`; of many points their ranges. */
function inWords({ name }: Series, points: readonly Placed[], { x, y }: Plot): string {
  if (points.length === 0) return `${name}: no points`
  if (points.length <= MAX_TOLD) {
    const told = points.map(
      ({ point }) => `${formatValue(point.y, y.unit)} at ${formatValue(point.x, x.unit)}`,
    )
    return `${name}: ${told.join(', ')}`
  }
  const range = (values: readonly number[], unit: string): string =>
    `${formatValue(Math.min(...values), unit)} to ${formatValue(Math.max(...values), unit)}`
  const [xs, ys] = [points.map(({ point }) => point.x), points.map(({ point }) => point.y)]
  return `${name}: ${range(ys, y.unit)} at ${range(xs, x.unit)}`
}

function drawSeries(
  series: Series,
  { index, points, plot }: { index: number; points: readonly Placed[]; plot: Plot },
): Markup {
  const shape = series.shape ?? 'line'
  const path = shape === 'scatter' ? '' : pathOf(points, shape !== 'line')
  const isMarked = shape === 'scatter' || points.length <= MAX_MARKS
  return element('g', { class: seriesClass(index) }, [
    ...(shape === 'area' && points.length > 0 ? [fillUnder(path, points, plot.area)] : []),
    ...(path === '' ? [] : [element('path', { d: path, class: 'curve' })]),
    ...(isMarked ? points.map((point) => drawMark(point, series.name, plot)) : []),
    ...points.flatMap((point) => directLabel(point, plot.area)),
  ])
}

function pathOf(points: readonly Placed[], isStep: boolean): string {
  const parts = points.map(({ x, y }, i) => {
    if (i === 0) return `M${tenths(x)} ${tenths(y)}`
    return isStep ? `H${tenths(x)}V${tenths(y)}` : `L${tenths(x)} ${tenths(y)}`
  })
  return parts.join('')
}

function fillUnder(path: string, points: readonly Placed[], { bottom }: Area): Markup {
  const first = points[0]?.x ?? 0
  return element('path', { d: `${path}V${tenths(bottom)}H${tenths(first)}Z`, class: 'fill' })
}

function drawMark({ x, y, point }: Placed, name: string, plot: Plot): Markup {
  const values = `${formatValue(point.x, plot.x.unit)}, ${formatValue(point.y, plot.y.unit)}`
  const lines = [name, point.label, values, point.note].filter((line) => line !== undefined)
  return element('circle', { cx: x, cy: y, r: 3.5, class: 'mark' }, [tooltip(lines.join('\n'))])
}

/** Beside the point, on the side where there is more room. */
function directLabel({ x, y, point }: Placed, { left, right }: Area): Markup[] {
  if (point.label === undefined) return []
  const isLeft = x > (left + right) / 2
  const at = { x: isLeft ? x - 7 : x + 7, y: y - 6, anchor: isLeft ? 'end' : 'start' } as const
  return [label(point.label, { ...at, class: 'direct' })]
}

/** Names from the highest end to the lowest, pushed apart so that none covers another. */
function endNames(
  series: readonly Series[],
  placed: readonly (readonly Placed[])[],
  { right, top, bottom }: Area,
): Markup[] {
  const ends = series
    .map(({ name }, index) => ({ name, index, y: placed[index]?.at(-1)?.y ?? bottom }))
    .sort((a, b) => a.y - b.y)
  let least = top
  const lowered = ends.map((end) => {
    const y = Math.max(end.y, least)
    least = y + END_LINE
    return { ...end, y }
  })
  let most = bottom
  const raised = lowered.toReversed().map((end) => {
    const y = Math.min(end.y, most)
    most = y - END_LINE
    return { ...end, y }
  })
  return raised.map(({ name, index, y }) =>
    label(fitText(name, WIDTH - right - 8), {
      x: right + 8,
      y: y + 4,
      class: `direct ${seriesClass(index)}`,
    }),
  )
}

function noData({ left, right, top, bottom }: Area): Markup {
  const at = { x: (left + right) / 2, y: (top + bottom) / 2, anchor: 'middle' } as const
  return label('no data', { ...at, class: 'soft' })
}

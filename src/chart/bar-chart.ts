/**
 * Stacked horizontal bars: where the time of one token goes, in each of several fleets. Knows
 * nothing of what the parts are.
 */
import { assert } from '../base/assert.js'
import { sum } from '../base/statistics.js'
import { type Axis, makeScale, type Scale } from './axis.js'
import {
  type Area,
  chart,
  fitText,
  label,
  legend,
  plotSides,
  rect,
  seriesClass,
  textWidth,
  tooltip,
  WIDTH,
  xAxis,
} from './frame.js'
import { element, type Markup } from './markup.js'
import { formatValue } from './number-format.js'

export type Bar = {
  readonly name: string
  /** One of each part, zero or more, in the unit of the axis. */
  readonly values: readonly number[]
}

export type BarChart = {
  readonly title: string
  /** What the lengths are; always linear and from zero. */
  readonly x: Pick<Axis, 'title' | 'unit'>
  /** Names of the parts, in the order in which they are stacked. */
  readonly parts: readonly string[]
  readonly bars: readonly Bar[]
}

const MAX_TICKS = 8
const BAR = 26
const GAP = 12

/** An SVG element, as high as its bars need; its colours come from the style sheet of the page. */
export function barChart({ title, x, parts, bars }: BarChart): string {
  for (const { name, values } of bars) {
    assert(values.length === parts.length, `bar '${name}' has not one value of each part`)
    assert(values.every(isLength), `bar '${name}' has a length that is not zero or more`)
  }
  const totals = bars.map(({ values }) => sum(values))
  const axis = { title: x.title, covers: [0], ...(x.unit === undefined ? {} : { unit: x.unit }) }
  const scale = makeScale(axis, totals, MAX_TICKS)
  const names = legend(parts.length > 1 ? parts : [], 'swatch')
  const top = names.bottom + 6
  const room = (texts: string[]): number => Math.max(0, ...texts.map(textWidth)) + 12
  const sides = plotSides(scale, {
    left: Math.min(WIDTH / 3, room(bars.map(({ name }) => name))),
    right: WIDTH - room(totals.map((total) => formatValue(total, scale.unit))),
  })
  const area = { ...sides, top, bottom: top + bars.length * (BAR + GAP) + GAP }
  const rows = bars.flatMap((bar, i) => {
    const rowTop = top + GAP + i * (BAR + GAP)
    return drawBar(bar, { parts, scale, area: { ...area, top: rowTop, bottom: rowTop + BAR } })
  })
  const about = bars.map((bar) => inWords(bar, { parts, unit: scale.unit }))
  return chart({ title, about, height: area.bottom + 50 }, [
    ...names.marks,
    ...xAxis(scale, area),
    ...rows,
  ])
}

/** `a step: attention 2 ms, experts 3 ms`. */
function inWords(
  { name, values }: Bar,
  { parts, unit }: { readonly parts: readonly string[]; readonly unit: string },
): string {
  const lengths = values.map((value, i) => `${parts[i] ?? ''} ${formatValue(value, unit)}`)
  return `${name}: ${lengths.join(', ')}`
}

function isLength(value: number): boolean {
  return value >= 0 && value < Number.POSITIVE_INFINITY
}

function drawBar(
  { name, values }: Bar,
  { parts, scale, area }: { parts: readonly string[]; scale: Scale; area: Area },
): Markup[] {
  const total = sum(values)
  const middle = (area.top + area.bottom) / 2 + 4
  const xOf = (value: number): number => area.left + scale.shareOf(value) * (area.right - area.left)
  let before = 0
  const drawn = values.map((value, i) => {
    const [left, right] = [xOf(before), xOf(before + value)]
    before += value
    const length = formatValue(value, scale.unit)
    const share = total === 0 ? '' : ` (${((100 * value) / total).toFixed(0)} %)`
    const tip = tooltip(`${name}\n${parts[i] ?? ''}: ${length}${share}`)
    const inside = { x: (left + right) / 2, y: middle, class: 'inside', anchor: 'middle' } as const
    const fits = right - left > textWidth(length) + 8
    return element('g', { class: seriesClass(i) }, [
      rect({ ...area, left, right }, { class: 'part' }, [tip]),
      ...(fits ? [label(length, inside)] : []),
    ])
  })
  return [
    label(fitText(name, area.left - 8), { x: area.left - 8, y: middle, anchor: 'end' }),
    ...drawn,
    label(formatValue(total, scale.unit), { x: xOf(total) + 8, y: middle, class: 'value' }),
  ]
}

/**
 * A table of cells coloured by whether they lie above or below a middle: at which network speed and
 * batch a fleet wins or loses. Every cell also says its number, so that colour is never all there
 * is. Knows nothing of what it compares.
 */
import { assert } from '../base/assert.js'
import {
  type Area,
  chart,
  label,
  rect,
  textWidth,
  tickRoom,
  tooltip,
  WIDTH,
  xTitle,
  yTitle,
} from './frame.js'
import { element, type Markup } from './markup.js'
import { formatValue } from './number-format.js'

export type Category = {
  readonly title: string
  readonly unit?: string
  readonly labels: readonly string[]
}

export type HeatMap = {
  readonly title: string
  readonly x: Category
  /** The first label is at the bottom, as on an axis. */
  readonly y: Category
  /** [y, x]; undefined where there is nothing to say. */
  readonly values: readonly (readonly (number | undefined)[])[]
  /** What is neither won nor lost, such as a ratio of 1; ratios are compared by their logarithm. */
  readonly middle: number
  readonly scale?: 'linear' | 'log'
  /** What it means to be above and below the middle: `fleet is cheaper`. */
  readonly above: string
  readonly below: string
  /** Default: three digits. */
  readonly format?: (value: number) => string
}

/** Colours stay pale enough for the number on top of them. */
export const MAX_OPACITY = 0.58
const MIN_OPACITY = 0.08
const MAX_CELL_HEIGHT = 44
const MAX_HEIGHT = 520

/** An SVG element; its colours come from the style sheet of the page. */
export function heatMap(options: HeatMap): string {
  const { title, x, y, values } = options
  const isWhole = values.length === y.labels.length && values.every(hasLength(x.labels.length))
  assert(isWhole, `heat map '${title}' has not one value for each pair of labels`)
  const rows = Math.max(1, y.labels.length)
  const top = 62
  const height = Math.min(MAX_HEIGHT, rows * MAX_CELL_HEIGHT)
  const area = { left: tickRoom(y.labels), right: WIDTH - 8, top, bottom: top + height }
  return chart({ title, about: inWords(options), height: area.bottom + 50 }, [
    ...sides(options),
    ...drawCells(options, area),
    ...drawLabels(options, area),
    xTitle(withUnit(x), area),
    yTitle(withUnit(y), area),
  ])
}

/** A row after the other: `batch 64: 0.5 at NIC 10, 2 at NIC 100`. */
function inWords({ x, y, values, format = threeDigits }: HeatMap): string[] {
  return values.map((row, j) => {
    const cells = row.map((value, i) => `${textOf(value, format)} at ${x.title} ${x.labels[i]}`)
    return `${y.title} ${y.labels[j]}: ${cells.join(', ')}`
  })
}

function threeDigits(value: number): string {
  return formatValue(value, '')
}

function textOf(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? '–' : format(value)
}

function hasLength(length: number): (row: readonly unknown[]) => boolean {
  return (row) => row.length === length
}

function withUnit({ title, unit }: Category): string {
  return unit === undefined ? title : `${title} (${unit})`
}

/** What the two colours mean. */
function sides({ above, below }: HeatMap): Markup[] {
  const entry = (name: string, side: string, x: number): Markup[] => [
    rect({ left: x, right: x + 14, top: 33, bottom: 47 }, { class: `${side} cell` }),
    label(name, { x: x + 20, y: 44 }),
  ]
  return [...entry(above, 'above', 0), ...entry(below, 'below', 20 + textWidth(above) + 24)]
}

function drawCells(options: HeatMap, area: Area): Markup[] {
  const { x, y, values } = options
  const width = (area.right - area.left) / Math.max(1, x.labels.length)
  const height = (area.bottom - area.top) / Math.max(1, y.labels.length)
  const distance = distanceFrom(options)
  const most = values.flat().reduce<number>((max, value) => {
    return Math.max(max, Math.abs(value === undefined ? 0 : distance(value)))
  }, 0)
  return values.flatMap((row, j) =>
    row.map((value, i) => {
      const left = area.left + i * width
      const bottom = area.bottom - j * height
      const cell = { left, right: left + width, top: bottom - height, bottom }
      const far = value === undefined || most === 0 ? 0 : distance(value) / most
      return drawCell(options, { cell, value, far, names: [x.labels[i] ?? '', y.labels[j] ?? ''] })
    }),
  )
}

/** How far a value is from the middle, and to which side. */
function distanceFrom({ middle, scale }: HeatMap): (value: number) => number {
  if (scale !== 'log') return (value) => finite(value - middle)
  return (value) => (value > 0 ? finite(Math.log(value / middle)) : 0)
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0
}

function drawCell(
  { x, y, above, below, format = threeDigits }: HeatMap,
  one: { cell: Area; value: number | undefined; far: number; names: [string, string] },
): Markup {
  const { cell, value, far, names } = one
  const number = textOf(value, format)
  const side = far > 0 ? 'above' : 'below'
  const opacity = far === 0 ? 0 : MIN_OPACITY + (MAX_OPACITY - MIN_OPACITY) * Math.abs(far)
  const meaning = far === 0 ? '' : `\n${far > 0 ? above : below}`
  const where = `${withUnit(x)}: ${names[0]}\n${withUnit(y)}: ${names[1]}`
  const middle = { x: (cell.left + cell.right) / 2, y: (cell.top + cell.bottom) / 2 + 4 }
  const fits = cell.right - cell.left > textWidth(number) + 4 && cell.bottom - cell.top >= 14
  return element('g', {}, [
    tooltip(`${where}\n${number}${meaning}`),
    rect(cell, { class: `${side} cell`, 'fill-opacity': opacity.toFixed(2) }),
    ...(fits ? [label(number, { ...middle, class: 'value', anchor: 'middle' })] : []),
  ])
}

/** Labels of rows and columns; where cells are narrow only every so many of them. */
function drawLabels({ x, y }: HeatMap, area: Area): Markup[] {
  const width = (area.right - area.left) / Math.max(1, x.labels.length)
  const height = (area.bottom - area.top) / Math.max(1, y.labels.length)
  const widest = Math.max(0, ...x.labels.map(textWidth)) + 6
  const strideX = Math.ceil(widest / width)
  const strideY = Math.ceil(14 / height)
  const columns = x.labels.flatMap((name, i) => {
    const at = { x: area.left + (i + 0.5) * width, y: area.bottom + 18 }
    return i % strideX === 0 ? [label(name, { ...at, class: 'tick', anchor: 'middle' })] : []
  })
  const rows = y.labels.flatMap((name, j) => {
    const at = { x: area.left - 8, y: area.bottom - (j + 0.5) * height + 4 }
    return j % strideY === 0 ? [label(name, { ...at, class: 'tick', anchor: 'end' })] : []
  })
  return [...columns, ...rows]
}

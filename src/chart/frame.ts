/**
 * What charts have in common: their outer element, axes with a grid, legends. Knows nothing of what
 * is drawn between the axes.
 */
import { sum } from '../base/statistics.js'
import type { Scale } from './axis.js'
import { type Attributes, element, type Markup, tenths, text } from './markup.js'
import { COLOURS } from './style.js'

/** Pixels of a chart's own coordinates; it is scaled to the width it is given. */
export const WIDTH = 860
const TITLE_HEIGHT = 30
const LEGEND_ROW = 22
const LEGEND_MARK = 14
const LEGEND_GAP = 18

/** A rectangle in pixels; `top` is less than `bottom`. */
export type Area = {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Pixels of a letter, of the widest fonts that systems use for text of 12 or 13 pixels. */
const LETTERS: readonly (readonly [letters: RegExp, width: number])[] = [
  [/[ijlftrI\s.,:;'"|!/()[\]-]/, 5.5],
  [/[mwMW%@…]/, 12.5],
  [/[A-Z]/, 9.5],
  [/[\u0020-\u02ff–]/, 8],
]
/** Of scripts that are not Latin, and of pictures. */
const LETTER = 14

/** How wide text of 12 or 13 pixels is at most, near enough to leave room for it. */
export function textWidth(plain: string): number {
  return sum(Array.from(plain, letterWidth))
}

function letterWidth(letter: string): number {
  return LETTERS.find(([letters]) => letters.test(letter))?.[1] ?? LETTER
}

/** The text, cut so that it is no wider than `room`. */
export function fitText(plain: string, room: number): string {
  if (textWidth(plain) <= room) return plain
  let width = letterWidth('…')
  const letters = Array.from(plain)
  const end = letters.findIndex((letter) => {
    width += letterWidth(letter)
    return width > room
  })
  return `${letters.slice(0, end).join('')}…`
}

export function label(
  plain: string,
  at: { x: number; y: number; class?: string; anchor?: 'start' | 'middle' | 'end' },
): Markup {
  const { x, y, anchor } = at
  const anchored = anchor === 'start' ? undefined : anchor
  return element('text', { x, y, class: at.class, 'text-anchor': anchored }, [text(plain)])
}

/** What shows when a pointer rests on the element it stands in. */
export function tooltip(plain: string): Markup {
  return element('title', {}, [text(plain)])
}

export function rect(
  { left, right, top, bottom }: Area,
  attributes: Attributes,
  inside?: readonly Markup[],
): Markup {
  const size = { width: Math.max(0, right - left), height: Math.max(0, bottom - top) }
  return element('rect', { x: left, y: top, ...size, ...attributes }, inside)
}

/** The classes that give the look of a series. */
export function seriesClass(index: number): string {
  return `s${index % COLOURS}${index < COLOURS ? '' : ' again'}`
}

export type ChartFrame = {
  readonly title: string
  /** What it shows, in words: a screen reader sees nothing else of it but the title. */
  readonly about: readonly string[]
  readonly height: number
}

/** The whole chart as text. */
export function chart({ title, about, height }: ChartFrame, children: readonly Markup[]): string {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    class: 'chart',
    viewBox: `0 0 ${WIDTH} ${tenths(height)}`,
    role: 'img',
    'aria-label': title,
  }
  const name = label(title, { x: 0, y: 16, class: 'name' })
  const inWords = element('desc', {}, [text(about.join('; '))])
  return element('svg', attributes, [inWords, name, ...children]).xml
}

/**
 * Names of series beside their colours, in rows from the title downwards; and where they end. A
 * `key` looks like a curve, a `swatch` like a part of a bar.
 */
export function legend(
  names: readonly string[],
  shape: 'key' | 'swatch' = 'key',
): { marks: Markup[]; bottom: number } {
  let [x, y] = [0, TITLE_HEIGHT + 10]
  if (names.length === 0) return { marks: [], bottom: TITLE_HEIGHT }
  const marks = names.flatMap((full, i) => {
    const name = fitText(full, WIDTH / 2)
    const width = LEGEND_MARK + 6 + textWidth(name)
    if (x > 0 && x + width > WIDTH) {
      x = 0
      y += LEGEND_ROW
    }
    const left = x
    x += width + LEGEND_GAP
    return [
      legendMark(shape, { left, right: left + LEGEND_MARK, top: y - 9, bottom: y + 1 }, i),
      label(name, { x: left + LEGEND_MARK + 6, y }),
    ]
  })
  return { marks, bottom: y + 8 }
}

function legendMark(shape: 'key' | 'swatch', area: Area, index: number): Markup {
  const look = { class: `${shape} ${seriesClass(index)}` }
  if (shape === 'swatch') return rect(area, look)
  const y = (area.top + area.bottom) / 2
  return element('line', { x1: area.left, x2: area.right, y1: y, y2: y, ...look })
}

/**
 * Where a plot begins and ends: at `left` and `right`, or nearer to each other, so that the
 * outermost ticks of its horizontal axis stay in the chart.
 */
export function plotSides(
  { ticks }: Scale,
  wanted: { readonly left: number; readonly right: number },
): { left: number; right: number } {
  let { left, right } = wanted
  const [first, last] = [ticks[0], ticks.at(-1)]
  if (first !== undefined && first.share < 1) {
    left = Math.max(left, (textWidth(first.label) / 2 - first.share * right) / (1 - first.share))
  }
  if (last !== undefined && last.share > 0) {
    right = Math.min(right, left + (WIDTH - textWidth(last.label) / 2 - left) / last.share)
  }
  return { left, right }
}

/** Room left of the plot for the ticks and the title of a vertical axis. */
export function tickRoom(labels: readonly string[]): number {
  return 30 + Math.max(0, ...labels.map(textWidth))
}

/** Ticks, grid and title of a horizontal axis, below the plot; a tick without room has no label. */
export function xAxis(scale: Scale, area: Area): Markup[] {
  const { left, right, top, bottom } = area
  let taken = Number.NEGATIVE_INFINITY
  const ticks = scale.ticks.flatMap((tick) => {
    const x = left + tick.share * (right - left)
    const line = element('line', { x1: x, x2: x, y1: top, y2: bottom, class: 'grid' })
    const half = textWidth(tick.label) / 2
    if (x - half < taken) return [line]
    taken = x + half
    return [line, label(tick.label, { x, y: bottom + 18, class: 'tick', anchor: 'middle' })]
  })
  const base = element('line', { x1: left, x2: right, y1: bottom, y2: bottom, class: 'axis' })
  return [...ticks, base, xTitle(scale.title, area)]
}

/** Ticks, grid and title of a vertical axis, left of the plot. */
export function yAxis(scale: Scale, area: Area): Markup[] {
  const { left, right, top, bottom } = area
  const ticks = scale.ticks.flatMap((tick) => {
    const y = bottom - tick.share * (bottom - top)
    return [
      element('line', { x1: left, x2: right, y1: y, y2: y, class: 'grid' }),
      label(tick.label, { x: left - 8, y: y + 4, class: 'tick', anchor: 'end' }),
    ]
  })
  return [...ticks, yTitle(scale.title, area)]
}

export function xTitle(title: string, { left, right, bottom }: Area): Markup {
  return label(title, { x: (left + right) / 2, y: bottom + 40, class: 'soft', anchor: 'middle' })
}

/** Upright beside the axis, at the left edge of the chart. */
export function yTitle(title: string, { top, bottom }: Area): Markup {
  const y = (top + bottom) / 2
  const turned = { transform: `rotate(-90 12 ${tenths(y)})`, 'text-anchor': 'middle' }
  return element('text', { x: 12, y, class: 'soft', ...turned }, [text(title)])
}

/** Where texts stand in charts: all of them inside, none upon another. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { barChart } from '../../src/chart/bar-chart.js'
import { fitText, textWidth, WIDTH } from '../../src/chart/frame.js'
import { heatMap } from '../../src/chart/heat-map.js'
import { lineChart } from '../../src/chart/line-chart.js'
import { findAll, hasClass, type Node, numberOf, parseXml } from './parse-xml.js'

/** Pixels of a letter and a line of an ordinary font of 12 pixels. */
const LETTER = 6.2
const LINE = 12

type Box = { text: string; left: number; right: number; top: number; bottom: number }

function boxOf(node: Node): Box {
  const width = LETTER * [...node.text].length
  const [x, y] = [numberOf(node, 'x'), numberOf(node, 'y')]
  const anchor = node.attributes.get('text-anchor') ?? 'start'
  const before = anchor === 'end' ? width : anchor === 'middle' ? width / 2 : 0
  return { text: node.text, left: x - before, right: x - before + width, top: y - LINE, bottom: y }
}

/** Titles of vertical axes are turned; they have their own column. */
function checkLayout(xml: string): void {
  const svg = parseXml(xml)
  const [, , , height = 0] = (svg.attributes.get('viewBox') ?? '').split(' ').map(Number)
  const upright = findAll(svg, 'text').filter(({ attributes }) => !attributes.has('transform'))
  const boxes = upright.map(boxOf)
  boxes.forEach((one, i) => {
    const isInside = one.left >= 0 && one.right <= WIDTH && one.top >= 0 && one.bottom <= height
    assert.ok(isInside, `'${one.text}' is outside of the chart`)
    for (const other of boxes.slice(0, i)) {
      const isApart = one.left >= other.right || other.left >= one.right
      const isAbove = one.top >= other.bottom || other.top >= one.bottom
      assert.ok(isApart || isAbove, `'${one.text}' stands upon '${other.text}'`)
    }
  })
}

/** None of its letters is narrower than an ordinary one. */
const anyName = fc.stringMatching(/^[A-HK-Za-eg-hknopqsuvxyz0-9]{1,60}$/)
const anySize = fc.double({ min: -9, max: 12, noNaN: true }).map((power) => 10 ** power)
const anyUnit = fc.constantFrom(undefined, 's', 'B', 'bit/s', 'tokens/s', '$')
const anyAxis = fc
  .record({ unit: anyUnit, scale: fc.constantFrom('linear', 'log') })
  .map(({ unit, scale }) => ({ title: 'axis', scale, ...(unit !== undefined && { unit }) }))

test('texts of a line chart are inside of it and apart', () => {
  const points = fc.array(fc.record({ x: anySize, y: anySize }), { minLength: 1, maxLength: 9 })
  const series = fc.array(fc.record({ name: anyName, points }), { minLength: 1, maxLength: 12 })
  const names = fc.constantFrom('legend', 'ends')
  fc.assert(
    fc.property(anyAxis, anyAxis, series, names, (x, y, drawn, place) => {
      checkLayout(lineChart({ title: 'chart', x, y, series: drawn, names: place }))
    }),
    { numRuns: 200 },
  )
})

test('texts of a bar chart are inside of it and apart', () => {
  const bar = fc.record({
    name: anyName,
    values: fc.array(anySize, { minLength: 9, maxLength: 9 }),
  })
  const parts = fc.array(anyName, { minLength: 9, maxLength: 9 })
  fc.assert(
    fc.property(parts, fc.array(bar, { minLength: 1, maxLength: 4 }), anyUnit, (of, bars, unit) => {
      const x = { title: 'time', ...(unit !== undefined && { unit }) }
      checkLayout(barChart({ title: 'chart', x, parts: of, bars }))
    }),
  )
})

test('texts of a heat map are inside of it and apart', () => {
  const labels = fc.array(fc.stringMatching(/^[a-z0-9 ]{1,12}$/), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(labels, labels, anySize, (columns, rows, value) => {
      checkLayout(
        heatMap({
          title: 'chart',
          x: { title: 'columns', labels: columns },
          y: { title: 'rows', labels: rows },
          values: rows.map(() => columns.map(() => value)),
          middle: 1,
          scale: 'log',
          above: 'the rack is cheaper',
          below: 'the fleet is cheaper',
        }),
      )
    }),
  )
})

test('a text is cut between letters, and no more than it has to be', () => {
  const anyText = fc.string({ unit: 'grapheme', maxLength: 40 })
  fc.assert(
    fc.property(anyText, fc.integer({ min: 14, max: 400 }), (text, room) => {
      const fitted = fitText(text, room)
      assert.ok(textWidth(fitted) <= room)
      if (fitted === text) return
      const kept = [...fitted].slice(0, -1)
      assert.deepEqual(kept, [...text].slice(0, kept.length))
      const more = `${[...text].slice(0, kept.length + 1).join('')}…`
      assert.ok(textWidth(more) > room)
    }),
  )
})

test('series beyond the colours look different from the first with the same colour', () => {
  const series = Array.from({ length: 8 }, (_, i) => ({ name: `${i}`, points: [{ x: 1, y: i }] }))
  const axis = { title: 'axis' }
  const line = parseXml(lineChart({ title: 'chart', x: axis, y: axis, series }))
  const values = series.map(() => 1)
  const parts = series.map(({ name }) => name)
  const bar = parseXml(barChart({ title: 'chart', x: axis, parts, bars: [{ name: '', values }] }))
  for (const [svg, key] of [
    [line, 'key'],
    [bar, 'swatch'],
  ] as const) {
    const all = ['g', 'line', 'rect'].flatMap((name) => findAll(svg, name))
    const first = all.filter((one) => hasClass(one, 's0') && !hasClass(one, 'again'))
    const again = all.filter((one) => hasClass(one, 's0') && hasClass(one, 'again'))
    assert.equal(first.length, 2)
    assert.equal(again.length, 2)
    assert.ok(again.some((one) => hasClass(one, key)))
  }
})

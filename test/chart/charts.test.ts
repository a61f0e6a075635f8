import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../src/base/assert.js'
import { barChart } from '../../src/chart/bar-chart.js'
import { heatMap } from '../../src/chart/heat-map.js'
import { type LineChart, lineChart, type Point } from '../../src/chart/line-chart.js'
import { thin } from '../../src/chart/thin.js'
import { findAll, hasClass, type Node, numberOf, parseXml } from './parse-xml.js'

const anyText = fc.string({ unit: 'binary', maxLength: 30 })
const anyPoint = fc.record({ x: fc.double(), y: fc.double({ min: -1e9, max: 1e9 }) })
const anySeries = fc.record({
  name: anyText,
  points: fc.array(anyPoint, { maxLength: 30 }),
  shape: fc.constantFrom('line', 'scatter', 'step', 'area'),
})
const anyAxis = fc.record({ title: anyText, scale: fc.constantFrom('linear', 'log') })
const anyLineChart: fc.Arbitrary<LineChart> = fc.record({
  title: anyText,
  x: anyAxis,
  y: anyAxis,
  series: fc.array(anySeries, { maxLength: 10 }),
  names: fc.constantFrom('legend', 'ends'),
})

/** The rectangle between the outermost grid lines. */
function plotArea(svg: Node): { left: number; right: number; top: number; bottom: number } {
  const grid = findAll(svg, 'line').filter((line) => hasClass(line, 'grid'))
  const all = (name: string): number[] => grid.map((line) => numberOf(line, name))
  return {
    left: Math.min(...all('x1')),
    right: Math.max(...all('x2')),
    top: Math.min(...all('y1')),
    bottom: Math.max(...all('y2')),
  }
}

function pathPoints(path: Node): [number, number][] {
  const steps = defined(path.attributes.get('d'), 'd').matchAll(/([MLHVZ])([^MLHVZ]*)/g)
  let [x, y] = [0, 0]
  return [...steps].map(([, kind, rest = '']) => {
    const [a = 0, b = 0] = rest.split(' ').map(Number)
    if (kind === 'M' || kind === 'L') [x, y] = [a, b]
    if (kind === 'H') x = a
    if (kind === 'V') y = a
    return [x, y]
  })
}

test('every line chart is well-formed and keeps all points within the plot', () => {
  fc.assert(
    fc.property(anyLineChart, (options) => {
      const svg = parseXml(lineChart(options))
      const { left, right, top, bottom } = plotArea(svg)
      assert.ok(left < right && top < bottom)
      const marks = findAll(svg, 'circle').map((mark) => [
        numberOf(mark, 'cx'),
        numberOf(mark, 'cy'),
      ])
      const corners = findAll(svg, 'path').flatMap(pathPoints)
      for (const [x = Number.NaN, y = Number.NaN] of [...marks, ...corners]) {
        assert.ok(x >= left - 0.1 && x <= right + 0.1, `x ${x} of ${left} to ${right}`)
        assert.ok(y >= top - 0.1 && y <= bottom + 0.1, `y ${y} of ${top} to ${bottom}`)
      }
    }),
  )
})

test('text of any kind stays text', () => {
  const evil = `</title><script>alert('x')</script>&amp;"\u0000\ud800`
  const points = [{ x: 1, y: 2, label: evil, note: evil }]
  const axis = { title: evil, unit: evil }
  const names = { title: evil, labels: [evil] }
  const charts = [
    lineChart({ title: evil, x: axis, y: axis, series: [{ name: evil, points }] }),
    barChart({ title: evil, x: axis, parts: [evil], bars: [{ name: evil, values: [1] }] }),
    heatMap({
      title: evil,
      x: names,
      y: names,
      values: [[2]],
      middle: 1,
      above: evil,
      below: evil,
    }),
  ]
  for (const chart of charts) {
    const svg = parseXml(chart)
    assert.deepEqual(findAll(svg, 'script'), [])
    const title = evil.replace('\u0000', '\ufffd').replace('\ud800', '\ufffd')
    assert.equal(svg.attributes.get('aria-label'), title)
  }
})

test('points lie where their values say, on linear and logarithmic axes', () => {
  const points = [1, 10, 100].map((x, i) => ({ x, y: i }))
  const x = { title: 'batch', scale: 'log' } as const
  const svg = parseXml(
    lineChart({ title: 't', x, y: { title: 'y' }, series: [{ name: 'a', points }] }),
  )
  const { left, right, top, bottom } = plotArea(svg)
  const marks = findAll(svg, 'circle')
  const at = marks.map((mark) => [numberOf(mark, 'cx'), numberOf(mark, 'cy')])
  const middle = [(left + right) / 2, (top + bottom) / 2]
  const expected = [[left, bottom], middle, [right, top]]
  expected.flat().forEach((value, i) => {
    assert.ok(Math.abs(value - defined(at.flat()[i], 'mark')) < 0.11)
  })
  assert.equal(defined(marks[1], 'mark').text, 'a\n10, 1')
})

test('a chart of very many points is small and keeps their extremes', () => {
  const points = Array.from({ length: 300_000 }, (_, i): Point => ({ x: i, y: i % 1000 }))
  points[140_321] = { x: 140_321, y: 5000 }
  const axes = { x: { title: 'x' }, y: { title: 'y' } }
  const xml = lineChart({ title: 't', ...axes, series: [{ name: 'a', points, shape: 'step' }] })
  assert.ok(xml.length < 80_000, `${xml.length} characters`)
  const svg = parseXml(xml)
  const path = defined(findAll(svg, 'path')[0], 'path')
  assert.ok(Math.abs(Math.min(...pathPoints(path).map(([, y]) => y)) - plotArea(svg).top) < 0.11)
})

test('thinning keeps order, ends and extremes of each pixel column', () => {
  const pixel = fc.record({ x: fc.double({ min: 0, max: 20, noNaN: true }), y: fc.integer() })
  fc.assert(
    fc.property(fc.array(pixel, { maxLength: 300 }), (points) => {
      const kept = thin(points, 20)
      assert.ok(kept.length <= 4 * 21)
      if (points.length <= 80) return assert.deepEqual(kept, points)
      const sorted = points.toSorted((a, b) => a.x - b.x)
      assert.deepEqual(kept[0], sorted[0])
      assert.deepEqual(kept.at(-1), sorted.at(-1))
      for (let column = 0; column <= 20; column++) {
        const inColumn = (list: readonly { x: number; y: number }[]): number[] =>
          list.filter(({ x }) => Math.floor(x) === column).map(({ y }) => y)
        const [all, some] = [inColumn(points), inColumn(kept)]
        assert.equal(Math.min(...some), Math.min(...all))
        assert.equal(Math.max(...some), Math.max(...all))
      }
    }),
  )
})

test('the parts of a bar are as long as their values, end to end', () => {
  const anyBar = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), {
    minLength: 3,
    maxLength: 3,
  })
  fc.assert(
    fc.property(fc.array(anyBar, { minLength: 1, maxLength: 6 }), (bars) => {
      const named = bars.map((values, i) => ({ name: `bar ${i}`, values }))
      const x = { title: 'time', unit: 's' }
      const svg = parseXml(barChart({ title: 't', x, parts: ['a', 'b', 'c'], bars: named }))
      const parts = findAll(svg, 'rect').filter((one) => hasClass(one, 'part'))
      assert.equal(parts.length, bars.length * 3)
      const { left, right } = plotArea(svg)
      parts.forEach((part, i) => {
        const before = i % 3 === 0 ? undefined : parts[i - 1]
        const start =
          before === undefined ? left : numberOf(before, 'x') + numberOf(before, 'width')
        assert.ok(Math.abs(numberOf(part, 'x') - start) < 0.21)
        assert.ok(numberOf(part, 'x') + numberOf(part, 'width') <= right + 0.2)
      })
      const widths = parts.map((part) => numberOf(part, 'width'))
      const [values, most] = [bars.flat(), Math.max(...bars.flat())]
      const widest = Math.max(...widths)
      widths.forEach((width, i) => {
        const expected = most === 0 ? 0 : (widest * (values[i] ?? 0)) / most
        assert.ok(Math.abs(width - expected) < 0.21)
      })
    }),
  )
})

test('a bar with a missing or a negative part is refused', () => {
  const draw = (values: number[]): string =>
    barChart({ title: 't', x: { title: 'x' }, parts: ['a'], bars: [{ name: 'b', values }] })
  assert.throws(() => draw([]), /not one value of each part/)
  assert.throws(() => draw([-1]), /not zero or more/)
  assert.throws(() => draw([Number.NaN]), /not zero or more/)
})

test('cells of a heat map are coloured by side and distance from the middle', () => {
  const svg = parseXml(
    heatMap({
      title: 't',
      x: { title: 'NIC', unit: 'Gb/s', labels: ['10', '100'] },
      y: { title: 'batch', labels: ['1', '64'] },
      values: [
        [0.25, 1],
        [2, undefined],
      ],
      middle: 1,
      scale: 'log',
      above: 'fleet wins',
      below: 'rack wins',
    }),
  )
  const cells = findAll(svg, 'rect').filter((one) => one.attributes.has('fill-opacity'))
  const facts = cells.map((one) => [hasClass(one, 'above'), one.attributes.get('fill-opacity')])
  assert.deepEqual(facts, [
    [false, '0.58'],
    [false, '0.00'],
    [true, '0.33'],
    [false, '0.00'],
  ])
  const tips = findAll(svg, 'title').map(({ text }) => text)
  assert.equal(tips[0], 'NIC (Gb/s): 10\nbatch: 1\n0.25\nrack wins')
  assert.equal(tips[3], 'NIC (Gb/s): 100\nbatch: 64\n–')
  const [first, , third] = cells
  assert.ok(numberOf(defined(third, 'cell'), 'y') < numberOf(defined(first, 'cell'), 'y'))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { MAX_OPACITY } from '../../src/chart/heat-map.js'
import { htmlPage } from '../../src/chart/html-page.js'
import { lineChart } from '../../src/chart/line-chart.js'
import { COLOURS } from '../../src/chart/style.js'
import { checkPage } from './check-page.js'
import { findAll, parseXml } from './parse-xml.js'

const CHART = lineChart({
  title: 'cost',
  x: { title: 'NIC', unit: 'B/s', scale: 'log' },
  y: { title: 'cost', unit: '$' },
  series: [{ name: 'a', points: [{ x: 1e9, y: 1 }] }],
})

function page(evil: string): string {
  const table = {
    titles: ['fleet', 'cost'],
    rows: [
      [evil, '$0.12'],
      ['b', '1,000'],
    ],
  }
  const section = { title: evil, paragraphs: [evil], charts: [CHART], table }
  return htmlPage({ title: evil, subtitle: evil, sections: [section, {}] })
}

test('a page is well-formed and holds what it was given, as text', () => {
  const evil = '<script src="http://x/y.js">&\'"'
  const html = page(evil)
  const main = parseXml(html.slice(html.indexOf('<main>'), html.indexOf('</body>')))
  assert.deepEqual(findAll(main, 'script'), [])
  assert.equal(findAll(main, 'svg').length, 1)
  for (const name of ['h1', 'h2', 'p', 'td']) assert.equal(findAll(main, name)[0]?.text, evil)
  const cells = findAll(main, 'td').map((cell) => cell.attributes.get('class'))
  assert.deepEqual(cells, ['long', 'number', 'long', 'number'])
})

test('a column of numbers is one also with a word in it, a column of words is not', () => {
  const titles = ['dollars', 'date', 'nothing', 'how', 'bytes']
  const rows = [
    ['$0.12', '2026-03-23', '-', 'owned', '12 sent = 12 arrived'],
    ['too slow', '2026-03-24', '', '3', '1,000'],
    ['-', '-', '-', '2.5 times dearer', ''],
  ]
  const html = htmlPage({ title: 'title', sections: [{ table: { titles, rows } }] })
  const main = parseXml(html.slice(html.indexOf('<main>'), html.indexOf('</body>')))
  for (const name of ['th', 'td']) {
    const looks = findAll(main, name).map((cell) => cell.attributes.get('class'))
    assert.deepEqual(looks.slice(0, 5), ['number', undefined, 'number', undefined, undefined])
  }
})

test('a page loads nothing and runs nothing', () => {
  const main = checkPage(page('title'))
  assert.equal(findAll(main, 'svg').length, 1)
})

test('every colour that is used is there in light and dark', () => {
  const html = page('title')
  const [, light = '', dark = ''] = html.split(':root{')
  const used = new Set([...html.matchAll(/var\((--[a-z0-9]+)\)/g)].map(([, name = '']) => name))
  for (const name of used) {
    if (name === '--c') continue
    for (const rules of [light, dark.slice(0, dark.indexOf('}'))]) {
      assert.ok(rules.includes(`${name}:#`), `${name} has no colour`)
    }
  }
})

type Rgb = readonly [number, number, number]

function coloursOf(rules: string): ReadonlyMap<string, Rgb> {
  const pairs = [...rules.matchAll(/--(\w+):#([0-9a-f]{3}(?:[0-9a-f]{3})?)\b/g)]
  return new Map(
    pairs.map(([, name = '', digits = '']): [string, Rgb] => {
      const long = digits.length === 3 ? digits.replace(/./g, '$&$&') : digits
      const part = (at: number): number => Number.parseInt(long.slice(at, at + 2), 16) / 255
      return [name, [part(0), part(2), part(4)]]
    }),
  )
}

/** Contrast ratio of WCAG 2.2: 1 for equal colours, 21 for black on white. */
function contrast(one: Rgb, other: Rgb): number {
  const luminance = (colour: Rgb): number => {
    const [red, green, blue] = colour.map((part) =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
    )
    return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0)
  }
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

/** What WCAG 2.2 asks of small text, and of what is drawn (1.4.3 and 1.4.11, level AA). */
const TEXT = 4.5
const DRAWN = 3

test('what is written and drawn stands out, in light and in dark', () => {
  const [, light = '', dark = ''] = page('title').split(':root{')
  for (const rules of [light.slice(0, light.indexOf('}')), dark.slice(0, dark.indexOf('}'))]) {
    const colours = coloursOf(rules)
    const colour = (name: string): Rgb => defined(colours.get(name), name)
    const stands = (name: string, least: number): void => {
      const ratio = contrast(colour(name), colour('page'))
      assert.ok(ratio >= least, `${name} has a contrast of ${ratio.toFixed(2)}`)
    }
    // Names and numbers are written in the colour of a series, and in that of the page on it.
    for (const name of ['ink', 'soft', ...Array.from({ length: COLOURS }, (_, i) => `s${i}`)]) {
      stands(name, TEXT)
    }
    for (const side of ['above', 'below']) {
      stands(side, DRAWN)
      // The strongest cell of a heat map has a number on it.
      const [red, green, blue] = colour(side).map(
        (part, i) => MAX_OPACITY * part + (1 - MAX_OPACITY) * (colour('page')[i] ?? 0),
      )
      const cell: Rgb = [red ?? 0, green ?? 0, blue ?? 0]
      assert.ok(contrast(colour('ink'), cell) >= TEXT, side)
    }
  }
})

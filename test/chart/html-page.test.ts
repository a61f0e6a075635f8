import assert from 'node:assert/strict'
import { test } from 'node:test'
import { htmlPage } from '../../src/chart/html-page.js'
import { lineChart } from '../../src/chart/line-chart.js'
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

function bodyOf(html: string): string {
  return html.slice(html.indexOf('<main>'), html.indexOf('</body>'))
}

test('a page is well-formed and holds what it was given, as text', () => {
  const evil = '<script src="http://x/y.js">&\'"'
  const main = parseXml(bodyOf(page(evil)))
  assert.deepEqual(findAll(main, 'script'), [])
  assert.equal(findAll(main, 'svg').length, 1)
  for (const name of ['h1', 'h2', 'p', 'td']) assert.equal(findAll(main, name)[0]?.text, evil)
  const cells = findAll(main, 'td').map((cell) => cell.attributes.get('class'))
  assert.deepEqual(cells, [undefined, 'number', undefined, 'number'])
})

test('a page loads nothing and runs nothing', () => {
  const html = page('title')
  const addresses = [...html.matchAll(/https?:[^"'\s)]*/g)].map(([address]) => address)
  assert.deepEqual(addresses, ['http://www.w3.org/2000/svg'])
  for (const way of ['<script', '<link', '<img', '@import', 'url(', 'src=', 'href=', 'onload']) {
    assert.ok(!html.includes(way), way)
  }
  assert.match(html, /Content-Security-Policy" content="default-src 'none'/)
  assert.match(html, /prefers-color-scheme:dark/)
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

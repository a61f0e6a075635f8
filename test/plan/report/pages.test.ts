import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../../src/base/assert.js'
import { htmlPage } from '../../../src/chart/html-page.js'
import { findRack } from '../../../src/plan/catalog/racks.js'
import { rackFleet } from '../../../src/plan/fleet/rack-fleet.js'
import * as numbers from '../../../src/plan/numbers.js'
import { pageMarkdown, pageText, wrap } from '../../../src/plan/report/page-text.js'
import { chartedPage } from '../../../src/plan/report/plan-charts.js'
import { planPage } from '../../../src/plan/report/plan-page.js'
import {
  chartedSearchPage,
  searchPage,
  searchReport,
} from '../../../src/plan/report/search-report.js'
import { searchFleets } from '../../../src/plan/search/search.js'
import { checkPage } from '../../chart/check-page.js'
import { findAll } from '../../chart/parse-xml.js'
import { spaceOf, WORKLOAD } from '../search/support.js'
import { planOf } from './support.js'

const RIVALS = ['gb200-nvl72', '8xh100'].map((id) => ({ id, fleet: rackFleet(findRack(id)) }))
const PLAN = planOf({
  alternatives: RIVALS,
  prices: { inputUsd: 0, cachedInputUsd: 0, outputUsd: 1 },
})

test('text begins with the answer and has every section', () => {
  const text = pageText(planPage(PLAN), 80)
  assert.match(
    text,
    /^.* on test\nWorkload chat: 1,024 tokens in, 256 out\n\n(YES|NO|YES AND NO): /,
  )
  for (const title of [
    'Where it lies',
    'How fast',
    'Where the time goes',
    'What it costs',
    'What it earns',
    'Against others',
    'By the speed of a user',
    'What the network is worth',
    'What it will be worth',
    'What the cost hangs on',
    'Assumed',
  ]) {
    assert.ok(text.includes(`\n\n${title}\n${'-'.repeat(title.length)}\n`), title)
  }
  assert.doesNotMatch(text, /undefined|NaN|Infinity/)
})

test('columns stand under their titles', () => {
  const table = defined(
    planPage(PLAN).sections.find(({ title }) => title === 'How fast')?.table,
    'table',
  )
  const column = (title: string): string[] =>
    table.rows.map((row) => row[table.titles.indexOf(title)] ?? '')
  for (const basis of column('basis')) assert.match(basis, /^(measured|datasheet|assumed)$/)
  for (const limit of column('held up by')) assert.match(limit, / \(\d.* %\)$/)
})

test('markdown has the same tables', () => {
  const markdown = pageMarkdown(planPage(PLAN))
  const tables = planPage(PLAN).sections.flatMap(({ table }) => table ?? [])
  assert.equal(markdown.match(/^\| ---/gm)?.length, tables.length)
  assert.ok(markdown.startsWith('# '))
})

test('the page has a chart of each kind and loads nothing', () => {
  const html = htmlPage(chartedPage(PLAN))
  for (const title of [
    'Throughput of all against the speed of one user',
    'Cost of a token against the speed of every port',
    'Value of the cards over time',
    'tokens of a prompt',
  ]) {
    assert.match(html, new RegExp(`<svg[^>]*aria-label="[^"]*${title}`), title)
  }
  const sections = findAll(checkPage(html), 'section').filter(
    (section) => findAll(section, 'svg').length > 0,
  )
  assert.deepEqual(
    sections.map((section) => findAll(section, 'h2')[0]?.text),
    ['How fast', 'Where the time goes', 'What the network is worth', 'What it will be worth'],
  )
  for (const { name } of PLAN.alternatives) assert.ok(html.includes(name))
})

test('a search tells of the best fleet and plans it', () => {
  const request = {
    space: spaceOf({
      model: 'qwen3-30b-a3b',
      cards: ['rtx-3090'],
      hosts: [1, 2],
      gigabits: ['10', '25'],
    }),
    goal: { kind: 'fastest', measure: 'purchase', budgetUsd: 12_000 } as const,
    workload: WORKLOAD,
  }
  const result = searchFleets(request)
  const planned = { result, planOf: () => PLAN }
  const report = searchReport(request, planned)
  assert.ok(report.best !== undefined && report.best.upfrontUsd <= 12_000)
  assert.ok(pageText(searchPage(report), 80).includes(`\n\n${report.best.name}.\nWhy: `))
  checkPage(htmlPage(chartedSearchPage(report)))
  const poor = { ...request, goal: { ...request.goal, budgetUsd: 10 } }
  const nothing = searchReport(poor, { ...planned, result: searchFleets(poor) })
  assert.match(pageText(searchPage(nothing), 80), /\n\nNO: nothing for 10 dollars/)
  const page = checkPage(htmlPage(chartedSearchPage(nothing)))
  assert.deepEqual(findAll(page, 'svg'), [], 'there is nothing to draw')
})

test('wrap loses no word and keeps to the width', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(words, fc.integer({ min: 12, max: 60 }), (list, width) => {
      const lines = wrap(list.join(' '), width)
      assert.deepEqual(lines.join(' ').split(' '), list)
      for (const line of lines) assert.ok(line.length <= width)
    }),
  )
})

test('numbers have three digits and their unit', () => {
  assert.equal(numbers.usd(0.04187), '$0.0419')
  assert.equal(numbers.usd(3.3), '$3.30')
  assert.equal(numbers.usd(-12_345), '-$12,300')
  assert.equal(numbers.duration(0.0989), '98.9 ms')
  assert.equal(numbers.percent(0.845), '85 %')
  assert.equal(numbers.percent(0.0123), '1.2 %')
  assert.equal(numbers.times(2.26), '2.3 times')
  assert.equal(numbers.gigabits(3.125e9), '25 Gb/s')
  assert.equal(numbers.months(7.2), '7 months')
  assert.equal(numbers.months(30), '2.5 years')
  assert.equal(numbers.plural(1, 'host'), '1 host')
  assert.equal(numbers.plural(1200, 'host'), '1,200 hosts')
})

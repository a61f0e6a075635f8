import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { findingMarkdown, findingPart, replaceFinding } from '../../bench/findings/finding.js'
import { FINDINGS } from '../../bench/findings/findings.js'
import { stepTimes } from '../../bench/findings/incast-runs.js'
import { mapFinding } from '../../bench/findings/map-finding.js'
import { defined } from '../../src/base/assert.js'
import { htmlPage } from '../../src/chart/html-page.js'
import { checkPage } from '../chart/check-page.js'

const page = readFileSync(new URL('../../../docs/findings.md', import.meta.url), 'utf8')

function say(): void {}

function partOf(number: number): string {
  return defined(findingPart(page, number), `finding ${number} of the page`).trimEnd()
}

test('a finding takes the place of the one with its number, in order', () => {
  const before = '# Findings\n\nintro\n\n## 1. one\n\nold\n\n## 3. three\n\ntext\n'
  const after = replaceFinding(before, 1, '## 1. one\n\nnew\n')
  assert.equal(after, before.replace('old', 'new'))
  assert.equal(findingPart(after, 1), '## 1. one\n\nnew\n\n')
  assert.equal(replaceFinding(after, 4, '## 4. x\n'), `${after}\n## 4. x\n`)
  const all = replaceFinding(after, 2, '## 2. two\n')
  assert.equal(all, after.replace('## 3.', '## 2. two\n\n## 3.'))
})

test('docs/findings.md tells of the map what the command says', () => {
  const finding = mapFinding.make({ isQuick: false, say })
  assert.equal(partOf(3), findingMarkdown(finding).trimEnd())
  checkPage(htmlPage({ title: 'Findings', sections: finding.sections }))
})

/** By which small changes of the code may move a number before the page is made again. */
const TOLERANCE = 0.05
const NUMBER = /\d[\d,]*(?:\.\d+)?/g

/** Whether the texts differ in nothing but numbers, and in those little. */
function isLike(one: string, other: string): boolean {
  if (one.replaceAll(NUMBER, '#') !== other.replaceAll(NUMBER, '#')) return false
  const others = numbersOf(other)
  return numbersOf(one).every((value, at) => {
    return Math.abs(value - (others[at] ?? Number.NaN)) <= TOLERANCE * value
  })
}

function numbersOf(text: string): number[] {
  return [...text.matchAll(NUMBER)].map(([digits]) => Number(digits.replaceAll(',', '')))
}

for (const finding of FINDINGS.filter((one) => one !== mapFinding)) {
  test(`docs/findings.md has the rows of finding ${finding.number} that the quick run gives`, () => {
    const { sections } = finding.make({ isQuick: true, say })
    checkPage(htmlPage({ title: 'Findings', sections }))
    const rows = sections.flatMap(({ table }) => table?.rows ?? [])
    assert.ok(rows.length > 0)
    const lines = partOf(finding.number).split('\n')
    for (const row of rows) {
      const line = `| ${row.join(' | ')} |`
      assert.ok(
        lines.some((known) => isLike(line, known)),
        line,
      )
    }
  })
}

test('steps of equal layers take as many times one of them', () => {
  const { p50S, p99S } = stepTimes([0.25, 0.25], 8)
  assert.equal(p50S, 2)
  assert.equal(p99S, 2)
})

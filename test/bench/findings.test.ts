import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { findingMarkdown, findingPart, replaceFinding } from '../../bench/findings/finding.js'
import { mapFinding } from '../../bench/findings/map-finding.js'
import { defined } from '../../src/base/assert.js'

const page = readFileSync(new URL('../../../docs/findings.md', import.meta.url), 'utf8')

function say(): void {}

test('a finding takes the place of the one with its number, in order', () => {
  const before = '# Findings\n\nintro\n\n## 1. one\n\nold\n\n## 2. two\n\ntext\n'
  const after = replaceFinding(before, 1, '## 1. one\n\nnew\n')
  assert.equal(after, before.replace('old', 'new'))
  assert.equal(findingPart(after, 1), '## 1. one\n\nnew\n\n')
  assert.equal(replaceFinding(after, 3, '## 3. x\n'), `${after}\n## 3. x\n`)
})

test('docs/findings.md tells of the map what the command says', () => {
  const part = defined(findingPart(page, 3), 'finding 3').trimEnd()
  assert.equal(part, findingMarkdown(mapFinding.make({ isQuick: false, say })).trimEnd())
})

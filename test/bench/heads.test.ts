/** The benchmark of several heads, small: real processes in network namespaces of this machine. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { type HeadsOptions, measureEqual, measureUnequal } from '../../bench/heads.js'
import { jainIndex } from '../../bench/heads-report.js'
import { whyNoNamespaces } from '../../bench/namespaces.js'
import type { Row } from '../../bench/report.js'

const why = whyNoNamespaces()
const skipped = why === undefined ? {} : { skip: why }

const said: string[] = []
const options: HeadsOptions = {
  rounds: 1,
  turnMs: 150,
  largeBytes: 40_000,
  smallBytes: 4000,
  say: (text) => said.push(text),
}

function namespaces(): string[] {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' })
  return stdout.split('\n').filter((line) => line.startsWith(`sputnik-${process.pid}`))
}

function checkLatency(row: Row): void {
  assert.ok(Number(row['p50 ms']) > 0)
  assert.ok(Number(row['p99 ms']) >= Number(row['p50 ms']))
}

test('two heads send to one domain through a narrow port, by three budgets', skipped, async () => {
  const rows = await measureEqual({ ...options, heads: 2 })
  const subjects = rows.map(({ subject }) => subject)
  assert.deepEqual(subjects, ['one budget for all', 'one for each head', 'without credits'])
  for (const row of rows) {
    const goodput = Number(row.goodput)
    // The port is as narrow as it should be, and something came through.
    assert.ok(goodput > 0.001 && goodput < 1, `${goodput}`)
    // On a busy machine even all from one of them.
    assert.ok(Number(row['Jain index']) >= 0.5 && Number(row['Jain index']) <= 1)
    assert.ok(Number(row['least/most']) <= 1)
    checkLatency(row)
    // 85 kB at a time cannot fill a buffer of 100 kB.
    assert.equal(row.dropped, 0)
  }
  assert.deepEqual(said.splice(0), ['heads: 2 at once'])
  assert.deepEqual(namespaces(), [])
})

test('a head with little to send is measured alone and beside another', skipped, async () => {
  const rows = await measureUnequal(options)
  assert.equal(rows.length, 6)
  for (const row of rows) checkLatency(row)
  const beside = rows.filter((row) => row.beside === 'a large one')
  assert.equal(beside.length, 3)
  for (const row of beside) assert.ok(Number(row['p50 ratio']) > 0)
  // On a busy machine one of them may come to nothing in so short a time.
  const ofOther = beside.map((row) => Number(row['goodput of the other']))
  assert.ok(Math.min(...ofOther) >= 0 && Math.max(...ofOther) > 0, ofOther.join())
  assert.deepEqual(namespaces(), [])
})

test('jainIndex is 1 for equal shares and falls to one part of n', () => {
  assert.equal(jainIndex([5, 5, 5]), 1)
  assert.equal(jainIndex([7, 0, 0, 0]), 0.25)
  // The example of the report: 20 % of those who ask are left out.
  assert.ok(Math.abs(jainIndex([1, 1, 1, 1, 0]) - 0.8) < 1e-12)
})

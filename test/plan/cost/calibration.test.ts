import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { calibrationTable } from '../../../src/plan/cost/calibration.js'
import { calibrationMarkdown } from '../../../src/plan/cost/calibration-table.js'
import { EFFICIENCY } from '../../../src/plan/cost/efficiency.js'
import { cardCount, decodingSequences, MEASURED_RUNS } from '../../../src/plan/cost/measured.js'

const table = calibrationTable()

test('the constants in use are those of the fit', () => {
  for (const { vendor, fitted } of table.constants) {
    assert.deepEqual(EFFICIENCY.vendors[vendor], fitted)
  }
})

test('every run is judged, and more of them than are fitted to', () => {
  assert.equal(table.rows.length, MEASURED_RUNS.length)
  const fitted = MEASURED_RUNS.filter(({ isFitted }) => isFitted)
  assert.ok(fitted.length < MEASURED_RUNS.length / 2)
})

test('errors are those of predicted over measured', () => {
  for (const { run, predicted, tpotError, throughputError } of table.rows) {
    assert.equal(tpotError, predicted.tpotS / run.tpotS - 1)
    const ratio = predicted.totalTokensPerSecondPerCard / run.totalTokensPerSecondPerCard
    assert.equal(throughputError, ratio - 1)
  }
})

test('runs that the fit has not seen are within a factor of 2.5', () => {
  for (const { run, tpotError, throughputError } of table.rows) {
    if (run.isFitted) continue
    for (const error of [tpotError, throughputError]) {
      assert.ok(1 + error > 1 / 2.5 && 1 + error < 2.5, `${run.id}: ${error}`)
    }
  }
})

test('no more sequences decode than there are users', () => {
  for (const run of MEASURED_RUNS) {
    assert.ok(decodingSequences(run) <= run.concurrency * 1.05, run.id)
    assert.ok(cardCount(run) > 0)
  }
})

test('docs/calibration.md is what the fit gives', () => {
  const path = new URL('../../../../docs/calibration.md', import.meta.url)
  assert.equal(readFileSync(path, 'utf8'), calibrationMarkdown(table))
})

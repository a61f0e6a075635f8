import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calibrationTable, throughputSpreadOf } from '../../../src/plan/cost/calibration.js'
import { EFFICIENCY, THROUGHPUT_SPREAD } from '../../../src/plan/cost/efficiency.js'
import { cardCount, decodingSequences, MEASURED_RUNS } from '../../../src/plan/cost/measured.js'

const table = calibrationTable()

test('the constants in use are those of the fit', () => {
  for (const { vendor, fitted } of table.constants) {
    assert.deepEqual(EFFICIENCY.vendors[vendor], fitted)
  }
})

test('the spread in use is that of the runs left out, to a tenth', () => {
  for (const { vendor } of table.constants) {
    assert.equal(THROUGHPUT_SPREAD[vendor], Number(throughputSpreadOf(table, vendor).toFixed(1)))
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

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSection, judge, summaryRows } from '../../bench/report.js'

test('judge compares with either bound', () => {
  assert.deepEqual(judge(0.96, { atLeast: 0.97 }), { target: '>= 0.97', met: 'NO' })
  assert.deepEqual(judge(0.97, { atLeast: 0.97 }), { target: '>= 0.97', met: 'yes' })
  assert.deepEqual(judge(1.6, { atMost: 1.5 }), { target: '<= 1.5', met: 'NO' })
  assert.deepEqual(judge(Number.NaN, { atMost: 1.5 }), { target: '<= 1.5', met: 'NO' })
  assert.deepEqual(judge(1, undefined), {})
})

test('formatSection lines up rows that lack columns', () => {
  const rows = summaryRows(
    [
      { name: 'plain', median: 51.234567, low: 50, ratio: 1 },
      { name: 'local', median: 51, low: 0.000012, ratio: 0.5 },
    ],
    { unit: 'tokens/s', targets: { local: { atLeast: 0.97 } } },
  )
  assert.deepEqual(formatSection({ title: 'a title', rows }).split('\n'), [
    '## a title',
    'subject  tokens/s median  20th pct  ratio to first  target   met',
    'plain    51.23            50        1',
    'local    51               1.20e-5   0.5             >= 0.97  NO',
  ])
})

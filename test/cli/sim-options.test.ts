import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  parseHourly,
  parseLengths,
  parseOutage,
  parsePopularity,
} from '../../src/cli/sim-options.js'
import { importedFrom } from '../support/imported-from.js'

test('sim loads no native library, not even indirectly', () => {
  const files = importedFrom('src/cli/sim.ts')
  assert.ok(files.includes('src/engine/scheduler.ts'))
  assert.deepEqual(
    files.filter((path) => path.startsWith('src/native/')),
    [],
  )
})

test('parseLengths knows fixed and lognormal lengths', () => {
  assert.deepEqual(parseLengths('1024'), { kind: 'fixed', tokens: 1024 })
  const spread = { kind: 'lognormal', median: 500, sigma: 0.8 }
  assert.deepEqual(parseLengths('lognormal:500,0.8'), spread)
  for (const bad of ['0', '-5', 'lognormal:0,1', 'lognormal:5', 'lognormal:5,9', '', 'many']) {
    assert.throws(() => parseLengths(bad), /number of tokens/, bad)
  }
})

test('parseOutage knows domains that are lost and slow ones', () => {
  assert.deepEqual(parseOutage('lost:3@10min+5min'), { domain: 3, atS: 600, forS: 300 })
  assert.deepEqual(parseOutage('lost:0@1h'), { domain: 0, atS: 3600, forS: Infinity })
  const slow = { domain: 1, atS: 5, forS: 60, factor: 2.5 }
  assert.deepEqual(parseOutage('slow:1@5s+1min*2.5'), slow)
  for (const bad of ['lost:3', 'lost:x@1s', 'slow:1@5s', 'lost:1@5s*2', 'gone:1@5s']) {
    assert.throws(() => parseOutage(bad), /It must be lost:/, bad)
  }
  assert.throws(() => parseOutage('lost:1@10'), /without a unit/)
  assert.throws(() => parseOutage('slow:1@5s*0.5'), /give 1 or more/)
})

test('parsePopularity leaves names of files to others', () => {
  assert.deepEqual(parsePopularity('zipf:0.9'), { kind: 'zipf', exponent: 0.9 })
  assert.deepEqual(parsePopularity('uniform'), { kind: 'uniform' })
  assert.equal(parsePopularity('counts.json'), 'counts.json')
  assert.throws(() => parsePopularity('zipf'), /zipf:<exponent>/)
})

test('parseHourly wants a number for each hour, one of them above 0', () => {
  const day = Array.from({ length: 24 }, (_, hour) => hour)
  assert.deepEqual(parseHourly(day.join(',')), day)
  for (const bad of ['1,2', new Array(24).fill(0).join(','), `${day.join(',')},`, 'x']) {
    assert.throws(() => parseHourly(bad), /24 numbers/, bad)
  }
})

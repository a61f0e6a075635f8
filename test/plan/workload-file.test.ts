import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SputnikError } from '../../src/base/errors.js'
import { parseWorkload, resolveWorkload } from '../../src/plan/workload-file.js'
import { CHAT, WORKLOADS } from '../../src/plan/workloads.js'

const parse = (text: string) => parseWorkload(text, 'load.yaml')

test('workloads are found by name', () => {
  for (const workload of WORKLOADS) assert.equal(resolveWorkload(workload.name), workload)
  assert.deepEqual(
    [resolveWorkload('8k1k').promptTokens, resolveWorkload('8k1k').utilisation],
    [8192, 1],
  )
  assert.throws(() => resolveWorkload('agent'), /no workload 'agent' .*near: agentic/)
  assert.throws(() => resolveWorkload('none.yaml'), /none\.yaml: no such file/)
})

test('named workloads are sound', () => {
  for (const { name, batches, cachedShare, utilisation, tpotS, ttftS } of WORKLOADS) {
    assert.deepEqual(
      batches,
      [...new Set(batches)].sort((a, b) => a - b),
      name,
    )
    assert.ok(cachedShare >= 0 && cachedShare < 1 && utilisation > 0 && utilisation <= 1, name)
    assert.ok(tpotS > 0 && ttftS > 0, name)
  }
})

test('a workload file becomes SI units', () => {
  const text = `
name: agents
prompt: 32768 tokens
output: 512
batches: [64, 1, 8, 8]
ttft: 2 s
tpot: 50 ms
utilisation: 30 %
cached: 0.9
`
  assert.deepEqual(parse(text), {
    name: 'agents',
    promptTokens: 32_768,
    outputTokens: 512,
    batches: [1, 8, 64],
    ttftS: 2,
    tpotS: 0.05,
    utilisation: 0.3,
    cachedShare: 0.9,
  })
  const short = parse('{"name": "x", "prompt": 10, "output": 20}')
  assert.deepEqual(short, { ...CHAT, name: 'x', promptTokens: 10, outputTokens: 20 })
})

test('a wrong field is named with what was read and how to write it', () => {
  const base = 'name: x\nprompt: 10\noutput: 20\n'
  const cases: readonly [string, RegExp][] = [
    [`${base}tpot: 50`, /: tpot is 50 without a unit; write it as in "20 us"/],
    [`${base}tpot: 0 s`, /: tpot is "0 s"; it must be more than 0/],
    [`${base}utilisation: 2`, /: utilisation is 2; write a share, more than 0/],
    [`${base}batches: []`, /: batches is \[\]; it must be at least 1/],
    [`${base}batches: [0]`, /: batches\[0\] is 0; it must be at least 1/],
    [`${base}promt: 1`, /: promt is no field .*; near: prompt/],
    ['name: x\nprompt: 10', /: output is missing/],
    ['name: x\nprompt: many\noutput: 1', /: prompt is "many"; it must be a number/],
  ]
  for (const [text, pattern] of cases) {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(error instanceof SputnikError)
        assert.match(error.message, pattern)
        return error.code === 'PLAN_INVALID'
      },
    )
  }
})

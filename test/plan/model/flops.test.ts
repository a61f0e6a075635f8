import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../../src/base/assert.js'
import { BUILTIN_MODELS, findBuiltinModel } from '../../../src/plan/model/builtin.js'
import { flopsPerToken, promptScoreFlops, totalFlops } from '../../../src/plan/model/flops.js'
import { activeParameters } from '../../../src/plan/model/sizes.js'

test('without context a token takes two operations for each active parameter', () => {
  for (const shape of BUILTIN_MODELS) {
    const flops = totalFlops(flopsPerToken(shape, { context: 0, phase: 'decode' }))
    assert.equal(flops, 2 * activeParameters(shape))
  }
})

test('scores of DeepSeek-V3 take 3.4 times the operations on compressed rows', () => {
  const shape = defined(findBuiltinModel('deepseek-v3'), 'model')
  const scores = (phase: 'prefill' | 'decode'): number =>
    flopsPerToken(shape, { context: 4096, phase }).attentionScores
  assert.equal(scores('prefill'), 61 * 4096 * 2 * 128 * (192 + 128))
  assert.equal(scores('decode') / scores('prefill'), (512 + 64 + 512) / (192 + 128))
})

test('the scores of a prompt are the sum of those of its tokens', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...BUILTIN_MODELS),
      fc.nat(300),
      fc.nat(300),
      (shape, cached, fresh) => {
        const tokens = cached + fresh
        let sum = 0
        for (let context = cached + 1; context <= tokens; context++) {
          sum += flopsPerToken(shape, { context, phase: 'prefill' }).attentionScores
        }
        assert.equal(promptScoreFlops(shape, { tokens, cached }), sum)
      },
    ),
  )
})

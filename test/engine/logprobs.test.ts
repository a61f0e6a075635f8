import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LOGPROB_FLOOR, tokenLogprobs } from '../../src/engine/logprobs.js'

/** Softmax as the textbook has it. */
function reference(logits: readonly number[]): number[] {
  const max = Math.max(...logits)
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - max), 0)
  return logits.map((logit) => logit - max - Math.log(sum))
}

test('tokenLogprobs equals the softmax and sorts the most likely first', () => {
  const logit = fc.float({ min: -60, max: 60, noNaN: true })
  fc.assert(
    fc.property(fc.array(logit, { minLength: 1, maxLength: 50 }), fc.nat(), (logits, pick) => {
      const token = pick % logits.length
      const { logprob, top } = tokenLogprobs(Float32Array.from(logits), { token, topCount: 5 })
      const expected = reference(logits)
      const sorted = logits
        .map((value, id) => ({ value, id }))
        .sort((a, b) => b.value - a.value || a.id - b.id)
        .slice(0, 5)
      assert.ok(Math.abs(logprob - (expected[token] ?? 0)) < 1e-9)
      assert.deepEqual(
        top.map((ranked) => ranked.token),
        sorted.map(({ id }) => id),
      )
    }),
  )
})

test('tokenLogprobs answers finite numbers for infinite and broken logits', () => {
  const logits = Float32Array.of(-Infinity, 1, Number.NaN, 2)
  for (const token of [0, 1, 2, 3]) {
    const { logprob, top } = tokenLogprobs(logits, { token, topCount: 4 })
    assert.ok(Number.isFinite(logprob))
    assert.ok(top.every((ranked) => Number.isFinite(ranked.logprob)))
  }
  const banned = tokenLogprobs(Float32Array.of(-Infinity, 0), { token: 0, topCount: 0 })
  assert.equal(banned.logprob, LOGPROB_FLOOR)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../../src/base/assert.js'
import { findCard } from '../../../src/plan/catalog/catalogue.js'
import { measuredCheck } from '../../../src/plan/cost/measured-check.js'
import { model } from './support.js'

const ASKED = {
  model: model('deepseek-v3'),
  card: findCard('gb200'),
  promptTokens: 1024,
  outputTokens: 1024,
  usersPerCard: 520,
}

test('the run with the nearest users to a card counts, whatever the model is called', () => {
  const found = defined(measuredCheck(ASKED), 'run')
  assert.equal(found.users / found.cards, 512)
  assert.equal(found.totalTokensPerSecondPerCard, 15_003)
  const few = defined(measuredCheck({ ...ASKED, usersPerCard: 0.1 }), 'run of few users')
  assert.equal(few.users, 4)
})

test('another model, card or length has no run', () => {
  assert.equal(measuredCheck({ ...ASKED, model: model('kimi-k2') }), undefined)
  assert.equal(measuredCheck({ ...ASKED, card: findCard('rtx-5090') }), undefined)
  assert.equal(measuredCheck({ ...ASKED, promptTokens: 1000 }), undefined)
})

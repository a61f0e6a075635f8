import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawTokens } from '../fleet/support.js'
import { openServing } from './head.js'

test('Loan closes the link to a head that takes no more, so that other heads have its credit', () => {
  const head = openServing(['cpu'])
  assert.equal(head.link.isClosed, false)
  head.link.isBroken = true
  head.ask(drawTokens(1), { dispatch: 'f32', combine: 'f32', isSummed: true })
  head.serveUntil(() => head.link.isClosed)
  head.close()
})

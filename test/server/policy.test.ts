/**
 * The small pure parts: restarts, admission, inert parameters, origins, log lines.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLogger } from '../../src/base/log.js'
import { decideRestart } from '../../src/base/restart-policy.js'
import { Admission } from '../../src/server/admission.js'
import { dropInertParams } from '../../src/server/inert-params.js'
import { isLoopback } from '../../src/server/origin.js'
import { finiteLogprob, tokenText } from '../../src/server/token-text.js'

const limits = { firstDelayMs: 100, delayMsMax: 1000, quickLifeMs: 5000, quickLivesMax: 6 }

test('decideRestart doubles its delay, forgets after a long life, and gives up', () => {
  let state = { quickLives: 0 }
  const delays: Array<number | undefined> = []
  for (const lifeMs of [0, 0, 0, 6000, 0, 0, 0, 0, 0, 0, 0]) {
    const decision = decideRestart(state, lifeMs, limits)
    state = decision.state
    delays.push(decision.delayMs)
  }
  assert.deepEqual(delays, [100, 200, 400, 100, 100, 200, 400, 800, 1000, 1000, undefined])
})

test('Admission never holds more than its capacity', () => {
  const admission = new Admission(5)
  admission.acquire(3)
  assert.throws(() => admission.acquire(3), { code: 'QUEUE_FULL' })
  admission.acquire(2)
  admission.release(5)
  assert.equal(admission.held, 0)
  assert.throws(() => admission.release(1))
})

test('dropInertParams keeps what changes the answer', () => {
  const body = {
    user: 'u',
    stop: null,
    tools: [],
    best_of: 2,
    temperature: 0,
    typical_p: 1,
  }
  assert.deepEqual(Object.keys(dropInertParams(body)).sort(), ['best_of', 'temperature'])
  const parsed = JSON.parse('{"__proto__":{"n":2}}')
  assert.deepEqual(Object.keys(dropInertParams(parsed)), ['__proto__'])
})

test('isLoopback knows this machine only', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]', '::1']) {
    assert.equal(isLoopback(host), true, host)
  }
  for (const host of ['0.0.0.0', '::', '127.0.0.1.evil.example', 'localhost.evil.example', '']) {
    assert.equal(isLoopback(host), false, host)
  }
})

test('tokenText is the text, or names the bytes of half a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const whole = Buffer.from(text).toString()
      assert.equal(tokenText([...Buffer.from(whole)]), whole)
    }),
  )
  assert.equal(tokenText([0xe2, 0x82]), 'bytes:\\xe2\\x82')
})

test('finiteLogprob keeps numbers in JSON finite', () => {
  assert.equal(finiteLogprob(-1.5), -1.5)
  for (const odd of [Number.NEGATIVE_INFINITY, Number.NaN, -1e300]) {
    assert.equal(finiteLogprob(odd), -9999)
  }
})

test('createLogger filters by level and quotes foreign text', () => {
  const lines: string[] = []
  const log = createLogger({
    level: 'warn',
    part: 'a',
    write: (line) => lines.push(line),
    now: () => new Date(0),
  })
  log.info('hidden')
  log.child('b').error('seen', { id: 'x\ny', n: 3, none: undefined })
  assert.deepEqual(lines, ['1970-01-01T00:00:00.000Z error b: seen id="x\\ny" n=3\n'])
})

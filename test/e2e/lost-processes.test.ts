import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { assertSameAnswer, plainGreedy, promptOf, textModel } from '../engine/support.js'
import { call } from '../server/harness.js'
import { survivorsAfterWait, waitUntil } from '../support/processes.js'
import { exactModel } from './models.js'
import { completeTokens, lastChunk, openStream, streamTokens } from './requests.js'
import { metric, type Served, serve } from './served.js'

const STREAMS = 8
const KILLS = 4
/** Long enough that the streams still run when the last card is killed. */
const COUNT = 400
/** Between logits of steps with one sequence and with eight, after hundreds of tokens. */
const GAP_MAX = 1e-2
const LONG = { prompt: promptOf(10), count: 450 }

const demo = textModel()
const short = { prompt: promptOf(30), count: 8 }
const reference = plainGreedy(demo, short)

/** Kills one card after the other, each when the one before was replaced. */
async function killCards(served: Served, count: number): Promise<void> {
  for (let kill = 0; kill < count; kill++) {
    const pids = served.cardPids()
    process.kill(defined(pids[kill % pids.length], 'a card'), 'SIGKILL')
    await waitUntil(async () => (await metric(served.url, 'card_restarts_total')) > kill)
  }
}

test('streams go on with the same tokens while cards are killed', async () => {
  const asks = Array.from({ length: STREAMS }, (_, i) => ({
    prompt: promptOf(20 + i, i),
    count: COUNT,
  }))
  const { path: model, banned } = exactModel()
  await using served = await serve(model, '--cards', '3', '--parallel', String(STREAMS))
  const engine = served.enginePid()
  const running = Promise.all(asks.map((ask) => streamTokens(served.url, ask)))
  await waitUntil(async () => (await metric(served.url, 'requests_running')) === STREAMS)
  await killCards(served, KILLS)
  assert.equal(await metric(served.url, 'requests_running'), STREAMS, 'the streams were too short')
  const answers = await running
  asks.forEach((ask, i) => {
    const plain = plainGreedy(model, { ...ask, banned })
    assertSameAnswer(defined(answers[i], 'an answer'), plain, { gapMax: GAP_MAX })
  })
  assert.equal(served.enginePid(), engine)
  assert.equal(served.cardPids().length, 3)
  assert.equal(await metric(served.url, 'card_restarts_total'), KILLS)
  assertSameAnswer(
    await completeTokens(served.url, short),
    plainGreedy(model, { ...short, banned }),
  )
})

test('a card killed while nothing runs is replaced by the next request', async () => {
  await using served = await serve(demo, '--cards', '2')
  for (const pid of served.cardPids()) process.kill(pid, 'SIGKILL')
  assertSameAnswer(await completeTokens(served.url, short), reference)
  assert.equal(await metric(served.url, 'card_restarts_total'), 2)
})

test('a lost engine costs its streams and is started again with its cards', async () => {
  await using served = await serve(demo, '--cards', '2')
  const before = [served.enginePid(), ...served.cardPids()]
  const { rest } = await openStream(served.url, LONG)
  process.kill(served.enginePid(), 'SIGKILL')
  const { error } = lastChunk(await rest)
  assert.equal(error.code, 'engine_lost')
  assert.deepEqual(await survivorsAfterWait(before), [])
  await waitUntil(async () => (await call(served.url, '/ready')).status === 200)
  assertSameAnswer(await completeTokens(served.url, short), reference)
  assert.equal(served.cardPids().length, 2)
})

test('engine and cards end with a server that is killed', async () => {
  await using served = await serve(demo, '--cards', '2')
  const pids = served.pids()
  assert.equal(pids.length, 4)
  const { rest } = await openStream(served.url, LONG)
  served.child.kill('SIGKILL')
  await assert.rejects(rest)
  assert.deepEqual(await survivorsAfterWait(pids), [])
})

test('SIGTERM to all processes lets the streams end in peace', async () => {
  await using served = await serve(demo, '--cards', '2')
  const pids = served.pids()
  const running = streamTokens(served.url, LONG)
  await waitUntil(async () => (await metric(served.url, 'requests_running')) === 1)
  for (const pid of pids) process.kill(pid, 'SIGTERM')
  assert.equal((await running).length, LONG.count)
  assert.equal(await served.exited, 0)
  assert.doesNotMatch(served.stderr(), /is lost/)
  assert.deepEqual(await survivorsAfterWait(pids), [])
})

test('a second SIGTERM ends everything at once', async () => {
  await using served = await serve(demo, '--cards', '2')
  const pids = served.pids()
  const { rest } = await openStream(served.url, LONG)
  served.child.kill('SIGTERM')
  await waitUntil(async () => (await call(served.url, '/ready')).status === 503)
  served.child.kill('SIGTERM')
  await assert.rejects(rest)
  assert.equal(await served.exited, 143)
  assert.deepEqual(await survivorsAfterWait(pids), [])
})

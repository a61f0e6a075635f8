/** What the head does when it is killed itself, and when pages are lost that it has no room for. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapPages } from '../../src/gguf/pages.js'
import { openGguf } from '../../src/gguf/reader.js'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { call } from '../server/harness.js'
import { waitUntil } from '../support/processes.js'
import { FleetHead } from './fleet-head.js'
import { qwenModel } from './models.js'
import { completeTokens, lastChunk, openStream, tokensOf } from './requests.js'

const PAGES_LOST_MS_MAX = 10_000

test('a head killed while domains live: they come back to its next life', async () => {
  const model = textModel()
  const ask = { prompt: promptOf(40), count: 400 }
  const short = { ...ask, count: 64 }
  const reference = plainGreedy(model, short).tokens
  await using head = await FleetHead.start(model)
  await using _one = await head.join({ name: 'one' })
  await using _two = await head.join({ name: 'two' })
  await head.settled(['one', 'two'])
  const { rest } = await openStream(head.url, ask)
  process.kill(head.served.enginePid(), 'SIGKILL')
  assert.equal(lastChunk(await rest).error.code, 'engine_lost')
  await waitUntil(async () => (await call(head.url, '/ready')).status === 200)
  await head.settled(['one', 'two'])
  assert.deepEqual(await completeTokens(head.url, short), reference)
  assert.ok((await head.domain('one'))?.expertCalls)
})

/** Each token wants one expert per layer; forced to say itself, it wants the same ones for ever. */
const forced = (token: number, count: number) => ({
  ask: { prompt: [token, token, token, token], count },
  more: { logit_bias: { [token]: 100 } },
})

test('pages that nobody has left fail the requests that need them, until they are back', async () => {
  const model = qwenModel({ layers: 2, experts: 8, expertsUsed: 1 })
  const half = `${Math.ceil(mapPages(openGguf(model)).expertBytes / 2)}`
  const own = ['--cards', '0', '--card-memory', half]
  await using head = await FleetHead.start(model, ...own, '--pages-wait', '6')
  const join = () => head.join({ name: 'other', args: ['--memory', half] })
  const node = await join()
  await head.moved()
  const { here, there } = await tokensByHolder(head)
  const bad = forced(there, 400)
  const good = forced(here, 400)
  const lost = await openStream(head.url, bad.ask, bad.more)
  const kept = await openStream(head.url, good.ask, good.more)
  await node.cutPower()
  const startedMs = performance.now()
  assert.equal(lastChunk(await lost.rest).error.code, 'pages_lost')
  const { error } = lastChunk(await lost.rest)
  assert.match(error.message, /Start the domains that held the pages again/)
  assert.ok(performance.now() - startedMs < PAGES_LOST_MS_MAX)
  assert.equal(tokensOf(await kept.rest).length, good.ask.count)
  await using _back = await join()
  await head.moved()
  assert.equal((await completeTokens(head.url, forced(there, 8).ask, bad.more)).length, 8)
})

/** A token all of whose experts are on the head's card, and one of which that is not so. */
async function tokensByHolder(head: FleetHead): Promise<{ here: number; there: number }> {
  const callsThere = async (): Promise<number> => (await head.domain('other'))?.expertCalls ?? 0
  let here: number | undefined
  let there: number | undefined
  for (let token = 10; here === undefined || there === undefined; token++) {
    assert.ok(token < 500, 'no token has all its experts here, or all have')
    const before = await callsThere()
    const { ask, more } = forced(token, 8)
    await completeTokens(head.url, ask, more)
    if ((await callsThere()) === before) here ??= token
    else there ??= token
  }
  return { here, there }
}

/** A domain is drained, pardoned and evicted while a stream runs: real processes over TLS. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { ExpertsView } from '../../src/engine/protocol.js'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { call } from '../server/harness.js'
import { waitUntil } from '../support/processes.js'
import { FleetHead } from './fleet-head.js'
import { completeTokens, openStream, tokensOf } from './requests.js'

const model = textModel()
const ask = { prompt: promptOf(40), count: 400 }
const short = { ...ask, count: 64 }
const reference = plainGreedy(model, ask).tokens

const head = await FleetHead.start(model)
after(() => head[Symbol.asyncDispose]())

/** What `sputnik fleet` prints. */
async function fleet(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await head.sputnik('fleet', ...args, '--url', head.url)
  assert.equal(status, 0, stderr)
  return stdout
}

test('a domain drains without a changed token, is pardoned, is evicted and stays out', async () => {
  await using node = await head.join({ name: 'attic' })
  await head.settled(['attic'])
  const draining = await openStream(head.url, ask)
  assert.match(await fleet('drain', 'attic'), /^attic \(\S+\) holds nothing\n$/)
  assert.deepEqual(tokensOf(await draining.rest), reference)
  const drained = await head.domain('attic')
  assert.deepEqual([drained?.state, drained?.pages], ['draining', 0])

  await fleet('pardon', 'attic')
  await head.settled(['attic'])
  assert.deepEqual(await completeTokens(head.url, short), reference.slice(0, short.count))
  const view: ExpertsView = JSON.parse((await call(head.url, '/v1/fleet/experts')).text)
  const id = (await head.domain('attic'))?.id
  assert.ok(view.layers.every(({ holders }) => holders.every((ids) => ids.join() === `${id}`)))
  assert.ok(view.layers.every(({ calls }) => calls.some((count) => count > 0)))
  assert.ok(view.layers.every(({ tiers }) => tiers.every((letters) => letters === 'h')))

  const evicting = await openStream(head.url, ask)
  await fleet('evict', 'attic')
  assert.deepEqual(tokensOf(await evicting.rest), reference)
  assert.notEqual(await node.refused(), 0)
  assert.match(node.said(), /NODE_EVICTED.*\nfix: /)
  const kinds = new Set(await head.kinds())
  for (const kind of ['joined', 'ready', 'draining', 'drained', 'pardoned', 'evicted']) {
    assert.ok(kinds.has(`${kind} attic`), kind)
  }
})

test('an evicted node comes back with a new key, and after a pardon without one', async () => {
  const old = await head.newKey('--uses', '2')
  const evicted = { name: 'again', key: old }
  for (const makeKey of [async () => old, () => head.newKey()]) {
    // Only one that is made after the eviction ends it.
    const key = await makeKey()
    await using node = await head.join({ ...evicted, key })
    await head.settled(['again'])
    await fleet('evict', 'again')
    await waitUntil(() => /NODE_EVICTED/.test(node.said()), node.said())
  }
  const refused = await head.join(evicted)
  assert.notEqual(await refused.refused(), 0)
  assert.match(refused.said(), /NODE_EVICTED/)
  await fleet('pardon', 'again')
  await using _node = await head.join(evicted)
  await head.settled(['again'])
})

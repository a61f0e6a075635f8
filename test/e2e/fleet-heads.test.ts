/** One machine that lends its cards to two heads, with models of their own. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { call } from '../server/harness.js'
import { waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { FleetHead, FleetNode } from './fleet-head.js'
import { qwenModel } from './models.js'
import { completeTokens, openStream, tokensOf } from './requests.js'

const NAME = 'both'

/** The domain of a head has all pages. */
async function settled(heads: readonly FleetHead[]): Promise<void> {
  for (const head of heads) await head.settled([NAME])
}

async function joinBoth(heads: readonly FleetHead[]): Promise<FleetNode> {
  const joining = await Promise.all(
    heads.map(async (head) => [await head.address(), '--key', await head.newKey('--uses', '9')]),
  )
  return new FleetNode({
    args: ['join', ...joining.flat(), '--name', NAME, '--threads', '1', '--backend', 'cpu'],
    env: { XDG_STATE_HOME: scratchDirectory(), XDG_CACHE_HOME: join(scratchDirectory(), 'cache') },
  })
}

test('a machine serves two heads at once, and one goes on while the other is away', async () => {
  const models = [textModel(), qwenModel()]
  const ask = { prompt: promptOf(40), count: 200 }
  const short = { ...ask, count: 48 }
  const references = models.map((model) => plainGreedy(model, ask).tokens)
  await using first = await FleetHead.start(models[0] ?? '')
  await using second = await FleetHead.start(models[1] ?? '')
  const heads = [first, second]
  await using node = await joinBoth(heads)
  await settled(heads)
  const texts = await Promise.all(heads.map(({ url }) => completeTokens(url, ask)))
  assert.deepEqual(texts, references)

  const { rest } = await openStream(second.url, ask)
  process.kill(first.served.enginePid(), 'SIGKILL')
  assert.deepEqual(tokensOf(await rest), references[1])
  await waitUntil(async () => (await call(first.url, '/ready')).status === 200)
  await settled(heads)
  assert.deepEqual(await completeTokens(first.url, short), references[0]?.slice(0, short.count))
  assert.match(node.said(), new RegExp(`lost +${await first.address()}: .*; again in 1 s`))
  assert.ok(!node.said().includes(`lost       ${await second.address()}`), node.said())
  const kinds = await second.kinds()
  assert.ok(!kinds.some((kind) => kind.startsWith('lost')), kinds.join())

  // One lets it go at once, and must not be joined again while the other takes its time.
  const slow = second.served.enginePid()
  process.kill(slow, 'SIGSTOP')
  assert.equal(await node.leave(), 0)
  process.kill(slow, 'SIGCONT')
  const ofNode = (await first.kinds()).filter((kind) => kind.endsWith(` ${NAME}`))
  assert.equal(ofNode.at(-1), `left ${NAME}`)
})

test('a head that refuses a machine for good leaves it to the other', async () => {
  const model = textModel()
  const ask = { prompt: promptOf(16), count: 16 }
  await using first = await FleetHead.start(model)
  await using second = await FleetHead.start(model)
  await using node = await joinBoth([first, second])
  await settled([first, second])
  const evicted = await first.sputnik('fleet', 'evict', NAME, '--url', first.url)
  assert.equal(evicted.status, 0, evicted.stderr)
  await waitUntil(() => /NODE_EVICTED .*; not tried again/.test(node.said()), node.said())
  assert.deepEqual(await completeTokens(second.url, ask), plainGreedy(model, ask).tokens)
  const kinds = await second.kinds()
  assert.ok(!kinds.some((kind) => kind.startsWith('lost')), kinds.join())
  assert.ok((await second.domain(NAME))?.expertCalls)
})

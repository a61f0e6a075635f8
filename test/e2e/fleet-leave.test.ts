/** Somebody stops `sputnik join`: its pages move away first, and no stream waits for them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { waitUntil } from '../support/processes.js'
import { FleetHead } from './fleet-head.js'
import { openStream, tokensOf } from './requests.js'

const model = textModel()
const ask = { prompt: promptOf(40), count: 200 }
const reference = plainGreedy(model, ask).tokens
/** As often as makes a node flap that is lost. */
const MORE_TIMES = 3

test('a node that is stopped gives its pages away, and may come back as often as it likes', async () => {
  await using head = await FleetHead.start(model)
  await using _stays = await head.join({ name: 'stays' })
  const node = await head.join({ name: 'goes' })
  await head.settled(['stays', 'goes'])
  const stream = await openStream(head.url, ask)
  assert.equal(await node.leave(), 0)
  await head.settled(['stays'])
  assert.deepEqual(tokensOf(await stream.rest), reference)
  assert.match(node.said(), /\nleaving once its pages lie elsewhere; .*\n/)

  for (let time = 0; time < MORE_TIMES; time++) {
    const again = await head.join({ name: 'goes' })
    await waitUntil(async () => (await head.domain('goes'))?.state === 'ready', again.said())
    assert.equal(await again.leave(), 0)
  }
  const news = await head.news()
  const kinds = new Set(await head.kinds())
  assert.ok(!kinds.has('lost goes') && !kinds.has('kept-out goes'), news.join('\n'))
  assert.ok(!news.some((text) => text.includes('pages-lost')), news.join('\n'))
  const left = news.filter((text) => /left goes its pages lie elsewhere$/.test(text))
  assert.equal(left.length, 1 + MORE_TIMES, news.join('\n'))
})

test('a node that is stopped where its pages find no room tells so and goes', async () => {
  await using head = await FleetHead.start(model, '--card-memory', '1KiB')
  const node = await head.join({ name: 'only' })
  await head.settled(['only'])
  assert.equal(await node.leave(), 0)
  const news = await head.news()
  assert.ok(
    news.some((text) => /left only \d+ of its pages found no room$/.test(text)),
    news.join('\n'),
  )
})

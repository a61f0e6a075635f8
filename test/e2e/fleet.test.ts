/** A domain joins a running head over TLS, takes pages over, computes, leaves: real processes. */

import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { scratchDirectory } from '../support/scratch.js'
import { FleetHead } from './fleet-head.js'
import { completeTokens, openStream, streamTokens, tokensOf } from './requests.js'

const model = textModel()
const ask = { prompt: promptOf(40), count: 400 }
const short = { ...ask, count: 64 }
const reference = plainGreedy(model, ask).tokens
const shortReference = reference.slice(0, short.count)

const head = await FleetHead.start(model)
after(() => head[Symbol.asyncDispose]())

test('pages move to a domain while a stream runs, and the text does not change', async () => {
  const stream = await openStream(head.url, ask)
  await using _node = await head.join({ name: 'first' })
  await head.settled(['first'])
  assert.deepEqual(tokensOf(await stream.rest), reference)
  assert.deepEqual(await completeTokens(head.url, short), shortReference)
  assert.deepEqual(await streamTokens(head.url, short), shortReference)
  const domain = defined(await head.domain('first'), 'the domain')
  assert.ok(domain.expertCalls > 0 && domain.bytesReceived > 0 && domain.bytesSent > 0)
})

test('a domain that leaves in the middle of a stream costs nothing', async () => {
  const node = await head.join({ name: 'leaving' })
  await head.settled(['leaving'])
  const stream = await openStream(head.url, ask)
  await node[Symbol.asyncDispose]()
  assert.deepEqual(tokensOf(await stream.rest), reference)
  await head.lost('leaving')
})

test('a domain with room for some pages takes those, the head keeps the rest', async () => {
  await using _node = await head.join({ name: 'little', args: ['--memory', '1MiB'] })
  await head.moved()
  const { domains, pages } = await head.fleet()
  const held = new Map(domains.map((domain) => [domain.name, domain.pages]))
  const little = held.get('little') ?? 0
  assert.ok(little > 0 && little < pages, `${little} of ${pages}`)
  assert.equal((held.get('card 0') ?? 0) + little, pages)
  assert.deepEqual(await completeTokens(head.url, short), shortReference)
})

test('a domain without a model file gets its pages from the head, and keeps them', async () => {
  const store = scratchDirectory()
  const bare = { name: 'bare', model: null, args: ['--no-search', '--page-store', store] }
  const node = await head.join(bare)
  await head.settled(['bare'])
  assert.deepEqual(await completeTokens(head.url, short), shortReference)
  await node[Symbol.asyncDispose]()
  const kept = pagesIn(store)
  assert.equal(kept.length, (await head.fleet()).pages)
  await using _again = await head.join(bare)
  await head.settled(['bare'])
  assert.deepEqual(await completeTokens(head.url, short), shortReference)
  assert.deepEqual(pagesIn(store), kept)
})

/** With the times of their making. */
function pagesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const pages = names.filter((name) => /^..[\\/].{62}$/.test(name)).sort()
  return pages.map((name) => `${name} ${statSync(join(folder, name)).birthtimeMs}`)
}

test('pages lie on two domains, each with two cards', async () => {
  const args = ['--device', 'cpu,cpu']
  await using one = await head.join({ name: 'one', args })
  await using two = await head.join({ name: 'two', args })
  await head.settled(['one', 'two'])
  assert.deepEqual([one.cardPids().length, two.cardPids().length], [2, 2])
  assert.deepEqual(await completeTokens(head.url, short), shortReference)
  const calls = async (name: string): Promise<number> => (await head.domain(name))?.expertCalls ?? 0
  assert.ok((await calls('one')) > 0 && (await calls('two')) > 0)
})

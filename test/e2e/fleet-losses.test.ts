/** Domains that alone hold their pages are killed, stopped or cut off: the stream goes on. */

import assert from 'node:assert/strict'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { FleetHead } from './fleet-head.js'
import { completeTokens, openStream, tokensOf } from './requests.js'
import { type Cut, TcpProxy } from './tcp-proxy.js'

const model = textModel()
const ask = { prompt: promptOf(40), count: 400 }
const short = { ...ask, count: 64 }
const reference = plainGreedy(model, ask).tokens

const head = await FleetHead.start(model)
after(() => head[Symbol.asyncDispose]())

test('kill -9: the pages come from disk, and the domain comes back with them', async () => {
  await using node = await head.join({ name: 'killed' })
  await head.settled(['killed'])
  const before = defined(await head.domain('killed'), 'the domain')
  const pid = node.domainPid()
  const stream = await openStream(head.url, ask)
  process.kill(pid, 'SIGKILL')
  assert.deepEqual(tokensOf(await stream.rest), reference)
  await waitUntil(async () => (await head.kinds()).includes('lost killed'))
  await head.settled(['killed'])
  const back = defined(await head.domain('killed'), 'the domain')
  assert.deepEqual([back.id, back.nodeId], [before.id, before.nodeId])
  assert.ok((await head.kinds()).includes('back killed'))
  assert.deepEqual(await completeTokens(head.url, short), reference.slice(0, short.count))
  assert.ok((await head.domain('killed'))?.expertCalls)
})

test('SIGSTOP: the lease ends, and the stream goes on', async () => {
  await using node = await head.join({ name: 'stopped' })
  await head.settled(['stopped'])
  const pid = node.domainPid()
  const stream = await openStream(head.url, ask)
  process.kill(pid, 'SIGSTOP')
  assert.deepEqual(tokensOf(await stream.rest), reference)
  await head.lost('stopped')
  process.kill(pid, 'SIGCONT')
  await head.settled(['stopped'])
})

test('cables that pass nothing on, one way or both: leases end at both ends', async () => {
  const cuts: Cut[] = ['to head', 'to node', 'both']
  await using proxies = await openProxies(cuts)
  const names = cuts.map((cut) => cut.replace(' ', '-'))
  const nodes = await Promise.all(
    names.map((name, at) => head.join({ name, address: proxies.list[at]?.address ?? '' })),
  )
  await head.settled(names)
  const stream = await openStream(head.url, ask)
  for (const [at, cut] of cuts.entries()) proxies.list[at]?.cut(cut)
  assert.deepEqual(tokensOf(await stream.rest), reference)
  for (const name of names) await head.lost(name)
  for (const node of nodes) await waitUntil(() => /lost|waiting/.test(node.said()), node.said())
  for (const proxy of proxies.list) proxy.cut('none')
  await head.settled(names)
  for (const node of nodes) await node[Symbol.asyncDispose]()
})

test('one of two cards is killed: the domain stays, and the card comes back', async () => {
  await using node = await head.join({ name: 'cards', args: ['--device', 'cpu,cpu'] })
  await head.settled(['cards'])
  const cards = node.cardPids()
  assert.equal(cards.length, 2)
  const stream = await openStream(head.url, ask)
  process.kill(defined(cards[0], 'a card'), 'SIGKILL')
  assert.deepEqual(tokensOf(await stream.rest), reference)
  await waitUntil(() => node.cardPids().length === 2 && !node.cardPids().includes(cards[0] ?? 0))
  await head.settled(['cards'])
  assert.deepEqual(await completeTokens(head.url, short), reference.slice(0, short.count))
  assert.ok(!(await head.kinds()).includes('lost cards'))
})

test('a card is killed after the copy of its model was removed: the domain stays', async () => {
  const folder = scratchDirectory()
  const copy = join(folder, 'copy.gguf')
  copyFileSync(model, copy)
  const args = ['--device', 'cpu,cpu', '--page-store', join(folder, 'pages')]
  await using node = await head.join({ name: 'bare', model: copy, args })
  await head.settled(['bare'])
  const stream = await openStream(head.url, ask)
  rmSync(copy)
  process.kill(defined(node.cardPids()[0], 'a card'), 'SIGKILL')
  assert.deepEqual(tokensOf(await stream.rest), reference)
  await waitUntil(async () => (await head.kinds()).includes('pages-gone bare'))
  await head.settled(['bare'])
  assert.deepEqual(await completeTokens(head.url, short), reference.slice(0, short.count))
  assert.ok(!(await head.kinds()).includes('lost bare'))
})

async function openProxies(cuts: readonly Cut[]) {
  const address = await head.address()
  const list = await Promise.all(cuts.map(() => TcpProxy.open(address)))
  const dispose = async (): Promise<void> => {
    for (const proxy of list) await proxy[Symbol.asyncDispose]()
  }
  return { list, [Symbol.asyncDispose]: dispose }
}

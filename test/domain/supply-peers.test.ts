/** Supply threads that get pages from each other, over real sockets. */
import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import type { Identity } from '../../src/fabric/identity.js'
import { PageClient } from '../../src/fabric/page-client.js'
import { hasBit } from '../../src/fabric/page-messages.js'
import { newIdentity } from '../fabric/nodes.js'
import { testModel } from '../support/models.js'
import { waitUntil } from '../support/processes.js'
import { ownCopy, type PageHead, pageHead } from './page-head.js'
import { answersOf, closeAll, fetched, pagesAt, type Supplying, supplyOf } from './supplies.js'

const model = testModel('gpt-oss')
const heads: PageHead[] = []
after(async () => {
  closeAll()
  await Promise.all(heads.map((head) => head.close()))
})

async function startHead(bytesPerSecond?: number): Promise<PageHead> {
  const head = await pageHead(model, bytesPerSecond === undefined ? {} : { bytesPerSecond })
  heads.push(head)
  return head
}

/** A supply that has all pages of the first region and serves them. */
async function serving(head: PageHead, modelPath: string | null = null): Promise<Supplying> {
  const supplying = await supplyOf(head, { modelPath })
  const from = modelPath === null ? 'store' : 'copy'
  await fetched(supplying, pagesAt(supplying), { model, from })
  await portOf(head, supplying.identity)
  return supplying
}

async function clientOf(
  { port, pin, identity, head }: { port: number; pin: string; identity: Identity; head: PageHead },
  onEnd: (reason: string) => void = () => {},
): Promise<PageClient> {
  const modelHash = head.manifest.model
  const place = { host: '127.0.0.1', port, pin, identity }
  return PageClient.open({ ...place, modelHash, timeoutMs: 60_000, onEnd })
}

/** Where a node serves pages, as the head tells another one. */
async function portOf(head: PageHead, { pin }: Identity): Promise<number> {
  const identity = head.newNode()
  const client = await clientOf({ port: head.port, pin: head.identity.pin, identity, head })
  let port = 0
  await waitUntil(async () => {
    port = (await client.peers()).find((peer) => peer.pin === pin)?.port ?? 0
    return port > 0
  }, 'the node is not on the list')
  client.end('done')
  return port
}

for (const [what, path] of [
  ['its page store', null],
  ['its copy of the model', model],
] as const) {
  test(`a node gets pages from another that has them in ${what}`, async () => {
    const head = await startHead()
    await serving(head, path)
    const sentBefore = head.service.bytesSent
    const second = await supplyOf(head)
    await fetched(second, pagesAt(second), { model, from: 'store' })
    const pageBytes = head.manifest.regions[0]?.pageBytes ?? 0
    assert.ok(head.service.bytesSent - sentBefore < pageBytes, 'the head gave pages')
    // What no other node has comes from the head.
    const [last] = pagesAt(second, 2).slice(-1)
    await fetched(second, [defined(last, 'a page')], { model, from: 'store' })
    assert.ok(head.service.bytesSent - sentBefore >= pageBytes)
  })
}

test('a node that lies is found out, and its pages come from the head', async () => {
  const head = await startHead()
  const copy = ownCopy(model)
  await serving(head, copy)
  writeFileSync(copy, Buffer.alloc(statSync(copy).size, 0x55))
  const second = await supplyOf(head)
  await fetched(second, pagesAt(second), { model, from: 'store' })
  assert.ok(second.supply.badPages >= 1)
})

test('a node that goes in the middle is replaced by the head', async () => {
  const head = await startHead()
  const first = await serving(head)
  const second = await supplyOf(head)
  const pages = pagesAt(second)
  second.supply.want(pages)
  let early = 0
  await waitUntil(() => {
    early += second.supply.take().length
    return early > 0
  })
  first.supply.close()
  const late = await answersOf(second)
  assert.equal(early + late.length, pages.length)
  assert.ok(late.every(({ kind }) => kind === 'ready'))
})

test('a node tells which pages it has, and has only those that were found right', async () => {
  const head = await startHead()
  const first = await supplyOf(head, { modelPath: model })
  const some = pagesAt(first).slice(2, 5)
  await fetched(first, some, { model, from: 'copy' })
  const { pin } = first.identity
  const identity = head.newNode()
  const known = await clientOf({ port: head.port, pin: head.identity.pin, identity, head })
  const peer = await clientOf({ port: await portOf(head, first.identity), pin, identity, head })
  const holdings = await peer.holdings()
  const held = Array.from({ length: head.manifest.pageCount }, (_, i) => hasBit(holdings, i))
  assert.deepEqual(
    held.flatMap((has, index) => (has ? index : [])),
    [2, 3, 4],
  )
  const range = { offset: 0, length: 10 }
  assert.equal((await peer.page({ region: 0, expert: 2 }, range)).length, 10)
  await assert.rejects(peer.page({ region: 0, expert: 1 }, range), { code: 'SOURCE_FAILED' })
  assert.equal((await peer.manifest()).length, 0)
  known.end('done')
  peer.end('done')
})

test('a node serves only those that the head names, and for as long as it does', async () => {
  const head = await startHead()
  const first = await serving(head)
  const port = await portOf(head, first.identity)
  const { pin } = first.identity
  const refused = { code: 'NODE_EVICTED' }
  await assert.rejects(clientOf({ port, pin, identity: newIdentity(), head }), refused)
  const identity = head.newNode()
  // Known to the head, but not connected to it.
  await assert.rejects(clientOf({ port, pin, identity, head }), refused)
  await clientOf({ port: head.port, pin: head.identity.pin, identity, head })
  let ended = ''
  await waitUntil(async () => {
    const open = clientOf({ port, pin, identity, head }, (reason) => {
      ended = reason
    })
    return open.then(
      () => true,
      () => false,
    )
  })
  assert.equal(ended, '')
  head.registry.evict(identity.nodeId)
  await waitUntil(() => ended !== '', 'the evicted node is still served')
  await assert.rejects(clientOf({ port, pin, identity, head }), refused)
})

/** Supply threads that get pages from a head, from files and from addresses, over real sockets. */
import assert from 'node:assert/strict'
import { existsSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { openSupply } from '../../src/domain/supply-link.js'
import { MAP_PAGES_MAX } from '../../src/fabric/control.js'
import { mapPages } from '../../src/gguf/pages.js'
import { openGguf } from '../../src/gguf/reader.js'
import { newHead } from '../fabric/nodes.js'
import { rangeServer } from '../pages/range-server.js'
import { testModel } from '../support/models.js'
import { waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { ownCopy, type PageHead, type PageHeadOptions, pageHead } from './page-head.js'
import { answersOf, closeAll, fetched, pagesAt, setupOf, supplyOf, tryOpening } from './supplies.js'

const model = testModel('qwen3moe')
const heads: PageHead[] = []
after(async () => {
  closeAll()
  await Promise.all(heads.map((head) => head.close()))
})

async function startHead(options: PageHeadOptions = {}, path = model): Promise<PageHead> {
  const head = await pageHead(path, options)
  heads.push(head)
  return head
}

const head = await startHead()

test('a supply learns the model from the head and fetches its pages', async () => {
  const supplying = await supplyOf(head)
  assert.deepEqual(supplying.manifest, head.manifest)
  assert.equal(supplying.regionsInUse, head.manifest.regions.length)
  assert.equal(supplying.copy, null)
  await fetched(supplying, pagesAt(supplying, 2), { model, from: 'store' })
  assert.equal(supplying.supply.badPages, 0)
})

test('a page of several pieces, out of a split model, arrives whole', async () => {
  const split = testModel('gpt-oss', { splits: 3 })
  const large = await startHead({}, split)
  const supplying = await supplyOf(large)
  assert.ok((large.manifest.regions[0]?.pageBytes ?? 0) > 3 * 262_144)
  await fetched(supplying, pagesAt(supplying), { model: split, from: 'store' })
})

test('a supply without encryption works the same, on loopback', async () => {
  const plain = await startHead({ plain: true })
  const setup = setupOf(plain)
  const supplying = await supplyOf(plain, { head: { ...setup.head, plain: true } })
  await fetched(supplying, pagesAt(supplying), { model, from: 'store' })
})

test('a manifest that is not that of the welcome is refused', async () => {
  const spoil = (at: number) => {
    return startHead({
      change: (served) => {
        const manifest = Uint8Array.from(served.manifest)
        manifest[at] = (manifest[at] ?? 0) ^ 1
        return { ...served, manifest }
      },
    })
  }
  const length = 600
  for (const at of [0, 200, length]) {
    const liar = await spoil(at)
    await assert.rejects(tryOpening(setupOf(liar)), { code: 'MANIFEST_INVALID' }, `byte ${at}`)
  }
  const other = await startHead({}, testModel('gpt-oss'))
  const wrong = { ...setupOf(other), modelHash: head.manifest.model }
  await assert.rejects(tryOpening(wrong), { code: 'MODEL_MISMATCH' })
})

test('what was fetched is there after a restart, and the head is not asked again', async () => {
  const first = await supplyOf(head)
  const pages = pagesAt(first)
  await fetched(first, pages, { model, from: 'store' })
  first.supply.close()
  const sentBefore = head.service.bytesSent
  const store = { folder: first.folder, bytesMax: 1 << 30 }
  const again = await waitForFolder(() => supplyOf(head, { store }), first.folder)
  await fetched(again, pages, { model, from: 'store' })
  const pageBytes = head.manifest.regions[0]?.pageBytes ?? 0
  assert.ok(head.service.bytesSent - sentBefore < pageBytes)
})

/** A supply that has just been closed gives its folder back a little later. */
async function waitForFolder<T extends { folder: string }>(
  open: () => Promise<T>,
  folder: string,
): Promise<T> {
  await waitUntil(() => !existsSync(join(folder, 'owner')))
  return open()
}

test('pages of a copy that is named stay where they are', async () => {
  const sentBefore = head.service.bytesSent
  const supplying = await supplyOf(head, { modelPath: model })
  assert.deepEqual(supplying.copy?.files, [model])
  await fetched(supplying, pagesAt(supplying, 2), { model, from: 'copy' })
  assert.ok(head.service.bytesSent - sentBefore < 100_000)
})

test('another model as a copy is refused, and so is a file that is none', async () => {
  const named = (modelPath: string) => tryOpening(setupOf(head, { modelPath }))
  await assert.rejects(named(testModel('gpt-oss')), { code: 'MODEL_MISMATCH', message: /gpt|gguf/ })
  await assert.rejects(named('/no/such/model.gguf'), { code: 'FILE_NOT_FOUND' })
})

/** Spoils one byte of an expert of the first region. */
function spoil(path: string, expert: number): void {
  const slice = defined(mapPages(openGguf(path)).layers[0]?.tensors[1], 'a tensor')
  const fd = openSync(path, 'r+')
  writeSync(fd, Buffer.of(0x42, 0x42), 0, 2, slice.offset + expert * slice.sliceBytes + 7)
}

test('a page that is damaged in the copy comes from elsewhere and is counted', async () => {
  const copy = ownCopy(model)
  for (const expert of [1, 2, 3, 5]) spoil(copy, expert)
  const supplying = await supplyOf(head, { modelPath: copy })
  const pages = pagesAt(supplying)
  const isDamaged = ({ expert }: { expert: number }) => [1, 2, 3, 5].includes(expert)
  await fetched(supplying, pages.filter(isDamaged), { model, from: 'store' })
  await fetched(
    supplying,
    pages.filter((page) => !isDamaged(page)),
    { model, from: 'copy' },
  )
  assert.equal(supplying.supply.badPages, 4)
})

test('pages that no card can read come from elsewhere, to another place', async () => {
  const copy = ownCopy(model)
  const supplying = await supplyOf(head, { modelPath: copy })
  const pages = pagesAt(supplying)
  const [some, others] = [pages.slice(0, 3), pages.slice(3)]
  await fetched(supplying, pages, { model, from: 'copy' })
  // The thread has it open, so that it can be read there still.
  rmSync(copy)
  supplying.supply.reject(some)
  await fetched(supplying, some, { model, from: 'store' })
  await fetched(supplying, others, { model, from: 'copy' })
  for (const file of pagesIn(supplying.folder)) rmSync(file)
  supplying.supply.reject(some)
  await fetched(supplying, some, { model, from: 'store' })
})

function pagesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /^..[\\/].{62}$/.test(name)).map((name) => join(folder, name))
}

test('pages come from an address rather than from the head', async () => {
  const alone = await startHead()
  const server = await rangeServer({ '/model.gguf': readFileSync(model) })
  const urls = [server.url('/no.gguf'), server.url('/model.gguf')]
  const supplying = await supplyOf(alone, { urls })
  await fetched(supplying, pagesAt(supplying), { model, from: 'store' })
  assert.ok(alone.service.bytesSent < 100_000)
  const dataOffset = defined(openGguf(model).files[0], 'a file').dataOffset
  assert.ok(server.asked.some(({ start }) => start >= dataOffset))
})

test('an address that gives wrong bytes does no harm', async () => {
  const alone = await startHead()
  const spoiled = ownCopy(model)
  for (let expert = 0; expert < 8; expert++) spoil(spoiled, expert)
  const server = await rangeServer({ '/model.gguf': readFileSync(spoiled) })
  const supplying = await supplyOf(alone, { urls: [server.url('/model.gguf')] })
  await fetched(supplying, pagesAt(supplying), { model, from: 'store' })
  assert.ok(supplying.supply.badPages >= 3)
})

test('a head that goes in the middle is waited for, and pages come when it is back', async () => {
  const kept = newHead()
  const first = await startHead({ head: kept, bytesPerSecond: 8e6 })
  const supplying = await supplyOf(first)
  const pages = pagesAt(supplying, 2)
  supplying.supply.want(pages)
  let early = 0
  await waitUntil(() => {
    early += supplying.supply.take().length
    return early > 0
  })
  assert.ok(supplying.supply.pending > 0)
  await first.close()
  await startHead({ head: kept, port: first.port })
  const late = await answersOf(supplying)
  assert.equal(early + late.length, pages.length)
  assert.ok(late.every(({ kind }) => kind === 'ready'))
})

test('a head that stays away costs the pages that nobody else has, and no others', async () => {
  const gone = await startHead()
  const supplying = await supplyOf(gone)
  const [one, ...others] = pagesAt(supplying)
  await fetched(supplying, [defined(one, 'a page')], { model, from: 'store' })
  await gone.close()
  supplying.supply.want(pagesAt(supplying))
  const answers = await answersOf(supplying)
  const failed = answers.filter((answer) => answer.kind === 'failed')
  assert.equal(failed.length, others.length)
  assert.ok(failed.every(({ error }) => error.code === 'PAGE_UNAVAILABLE'))
  assert.equal(answers.length, others.length + 1)
})

test('a supply answers each want once, and not what was released', async () => {
  const supplying = await supplyOf(head)
  const { supply } = supplying
  const pages = pagesAt(supplying)
  supply.want(pages)
  supply.want(pages.slice(0, 3))
  assert.equal(supply.pending, pages.length)
  supply.release(pages.slice(4))
  supply.release([{ region: 0, expert: 700 }])
  assert.equal(supply.pending, 4)
  const answers = await answersOf(supplying)
  assert.deepEqual(
    answers.map((one) => one.kind === 'ready' && one.page.expert).sort(),
    [0, 1, 2, 3],
  )
  supply.want([
    { region: 0, expert: 900 },
    { region: 77, expert: 0 },
  ])
  const failed = await answersOf(supplying)
  assert.deepEqual(
    failed.map(({ kind }) => kind),
    ['failed', 'failed'],
  )
  const many = Array.from({ length: MAP_PAGES_MAX * 256 + 1 }, () => ({ region: 0, expert: 0 }))
  assert.throws(() => supply.want(many), { code: 'CARD_BUSY' })
  assert.equal(supply.pending, 0)
})

test('pages are pinned while a card may read them, and make room afterwards', async () => {
  const pageBytes = head.manifest.regions[0]?.pageBytes ?? 0
  const store = { folder: scratchDirectory(), bytesMax: 3 * pageBytes }
  const supplying = await supplyOf(head, { store })
  assert.equal(supplying.storeBytesMax, 3 * pageBytes)
  const pages = pagesAt(supplying)
  await fetched(supplying, pages.slice(0, 3), { model, from: 'store' })
  supplying.supply.want(pages.slice(3, 4))
  const [full] = await answersOf(supplying)
  assert.equal(full?.kind === 'failed' && full.error.code, 'PAGE_STORE_FULL')
  supplying.supply.release(pages.slice(0, 2))
  await fetched(supplying, pages.slice(3, 5), { model, from: 'store' })
  await fetched(supplying, pages.slice(2, 3), { model, from: 'store' })
})

test('a node that the head does not know, or has evicted, gets nothing', async () => {
  const stranger = { ...setupOf(head), identity: newHead().identity }
  await assert.rejects(tryOpening(stranger), { code: 'JOIN_KEY_REQUIRED' })
  const supplying = await supplyOf(head)
  head.registry.evict(supplying.identity.nodeId)
  const again = { ...setupOf(head), identity: supplying.identity }
  await assert.rejects(tryOpening(again), { code: 'NODE_EVICTED' })
  // Its open connection ends as well, a little later.
  await waitUntil(() => !head.service.nodes.includes(supplying.identity.nodeId))
  supplying.supply.want(pagesAt(supplying))
  const answers = await answersOf(supplying)
  assert.ok(answers.every(({ kind }) => kind === 'failed'))
})

test('a supply whose thread has died fails what is wanted, though no event loop turns', async () => {
  const clock = { ms: 0 }
  const { supply } = await openSupply(setupOf(head), () => clock.ms)
  supply.close()
  supply.want([{ region: 0, expert: 0 }])
  assert.deepEqual(supply.take(), [])
  clock.ms = 60_000
  const deadline = performance.now() + 60_000
  let answers = supply.take()
  while (answers.length === 0 && performance.now() < deadline) {
    clock.ms += 60_000
    answers = supply.take()
  }
  assert.equal(answers[0]?.kind, 'failed')
  assert.equal(supply.pending, 0)
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { defined } from '../../src/base/assert.js'
import { PageFiles } from '../../src/pages/page-files.js'
import { scratchDirectory } from '../support/scratch.js'
import { loosePage, loosePages, never, WRITTEN_PAGE_BYTES } from './support.js'

const BYTES = 1000

function open(folder: string, bytesMax = 100 * BYTES): PageFiles {
  return new PageFiles(folder, { bytesMax, nowMs: Date.now })
}

function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.length > 2)
}

test('PageFiles gives back what it was given, and after a restart', async () => {
  const folder = scratchDirectory()
  const pages = loosePages(5)
  const store = open(folder)
  for (const { page, bytes } of pages) await store.put(page, bytes)
  for (const files of [store, open(folder)]) {
    assert.equal(files.count, 5)
    assert.equal(files.bytes, 5 * BYTES)
    for (const { page, bytes } of pages) {
      assert.ok(files.has(page))
      assert.deepEqual(new Uint8Array(await files.read(page, never)), bytes)
      assert.deepEqual(new Uint8Array(readFileSync(files.path(page))), bytes)
    }
  }
})

test('PageFiles has a page that is put twice at once when either put resolves', async () => {
  const store = open(scratchDirectory())
  const { page, bytes } = defined(loosePages(1)[0], 'a page')
  const puts = [store.put(page, bytes), store.put(page, bytes)]
  await puts[1]
  assert.ok(store.has(page))
  await Promise.all(puts)
  assert.equal(store.bytes, BYTES)
})

test('PageFiles refuses bytes of another length', async () => {
  const store = open(scratchDirectory())
  const { page, bytes } = defined(loosePages(1)[0], 'a page')
  await assert.rejects(store.put(page, bytes.slice(1)))
  assert.equal(store.has(page), false)
  assert.equal(store.bytes, 0)
  await assert.rejects(store.read(page, never), { code: 'SOURCE_FAILED' })
})

test('PageFiles keeps a page that was pinned as it came, also when it came twice', async () => {
  const store = open(scratchDirectory(), 2 * BYTES)
  const [a, b, c] = loosePages(3)
  assert.ok(a && b && c)
  const pinned = { isPinned: true }
  const puts = [store.put(a.page, a.bytes, pinned), store.put(a.page, a.bytes, pinned)]
  await Promise.all(puts)
  await store.put(b.page, b.bytes)
  store.unpin(a.page)
  await store.put(c.page, c.bytes)
  assert.deepEqual([store.has(a.page), store.has(b.page), store.has(c.page)], [true, false, true])
  store.unpin(a.page)
  await store.put(b.page, b.bytes)
  assert.equal(store.has(a.page), false)
})

test('PageFiles may decide how much it keeps by what is there', async () => {
  const folder = scratchDirectory()
  const store = open(folder)
  for (const { page, bytes } of loosePages(4)) await store.put(page, bytes)
  const half = new PageFiles(folder, { bytesMax: (bytes) => bytes / 2, nowMs: Date.now })
  assert.equal(half.bytesMax, 2 * BYTES)
  assert.equal(half.count, 2)
})

test('PageFiles drops the least recently used pages and never a pinned one', async () => {
  const folder = scratchDirectory()
  const store = open(folder, 3 * BYTES)
  const pages = loosePages(6)
  const [a, b, c, d, e, f] = pages.map(({ page }) => page)
  assert.ok(a && b && c && d && e && f)
  const put = (index: number) => {
    const { page, bytes } = defined(pages[index], 'a page')
    return store.put(page, bytes)
  }
  for (const index of [0, 1, 2]) await put(index)
  assert.ok(store.pin(b))
  await store.read(a, never)
  await put(3)
  assert.deepEqual(
    [a, b, c, d].map((page) => store.has(page)),
    [true, true, false, true],
  )
  assert.ok(store.pin(a))
  assert.ok(store.pin(d))
  await assert.rejects(put(4), { code: 'PAGE_STORE_FULL' })
  store.unpin(b)
  await put(4)
  assert.deepEqual(
    [a, b, d, e].map((page) => store.has(page)),
    [true, false, true, true],
  )
  assert.equal(store.pin(f), false)
  assert.equal(filesIn(folder).length, 3)
  assert.equal(store.bytes, 3 * BYTES)
})

test('PageFiles keeps to its bound when many pages come at once', async () => {
  const folder = scratchDirectory()
  const store = open(folder, 10 * BYTES)
  const pages = loosePages(40)
  const twice = [...pages, ...pages]
  await Promise.allSettled(twice.map(({ page, bytes }) => store.put(page, bytes)))
  assert.ok(store.bytes <= 10 * BYTES)
  assert.equal(filesIn(folder).length, store.count)
  assert.equal(store.bytes, store.count * BYTES)
})

test('PageFiles remembers the order of use and keeps to a smaller bound after a restart', async () => {
  const folder = scratchDirectory()
  const store = open(folder)
  const pages = loosePages(4)
  for (const { page, bytes } of pages) await store.put(page, bytes)
  for (const [i, { page }] of pages.entries()) utimesSync(store.path(page), 1000 - i, 1000 - i)
  const smaller = open(folder, 2 * BYTES)
  assert.deepEqual(
    pages.map(({ page }) => smaller.has(page)),
    [true, true, false, false],
  )
})

test('PageFiles drops a damaged page when told and one whose file went away', async () => {
  const store = open(scratchDirectory())
  const [one, two] = loosePages(2)
  assert.ok(one && two)
  await store.put(one.page, one.bytes)
  await store.put(two.page, two.bytes)
  writeFileSync(store.path(one.page), 'damaged')
  store.reject(one.page)
  assert.equal(store.has(one.page), false)
  await store.put(one.page, one.bytes)
  assert.deepEqual(new Uint8Array(await store.read(one.page, never)), one.bytes)
  rmSync(store.path(two.page))
  await assert.rejects(store.read(two.page, never), { code: 'SOURCE_FAILED' })
  assert.equal(store.has(two.page), false)
  assert.equal(store.bytes, BYTES)
})

const WRITER = fileURLToPath(new URL('./page-files-writer.js', import.meta.url))

/** A look at what the writer is doing; it may remove a file meanwhile. */
function hasHalfPage(folder: string): boolean {
  return filesIn(folder).some((name) => {
    const stat = statSync(join(folder, name), { throwIfNoEntry: false })
    return stat !== undefined && stat.size > 0 && stat.size < WRITTEN_PAGE_BYTES
  })
}

test('PageFiles has only whole pages after its process was killed at any moment', async () => {
  const folder = scratchDirectory()
  let written = 0
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, [WRITER, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    for (let looks = 0; looks < 2000 && !hasHalfPage(folder); looks++) await turn()
    child.kill('SIGKILL')
    await once(child, 'close')
    const store = open(folder, 4 * WRITTEN_PAGE_BYTES)
    const left = filesIn(folder)
    assert.equal(left.filter((name) => name.endsWith('.draft')).length, 0)
    assert.equal(left.length, store.count)
    written = Math.max(written, store.count)
    for (const name of left) {
      const bytes = readFileSync(join(folder, name))
      assert.equal(loosePage(bytes).hash, name.replace(/[\\/]/, ''))
    }
  }
  assert.ok(written > 0)
})

import assert from 'node:assert/strict'
import {
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { openGguf } from '../../src/gguf/reader.js'
import { knownManifest, manifestOf } from '../../src/pages/manifest-store.js'
import { testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'
import { hashed } from './support.js'

/** A copy to change, and a cache of its own. */
function setUp(): { path: string; folder: string } {
  const directory = scratchDirectory()
  const path = join(directory, 'model.gguf')
  copyFileSync(testModel('gpt-oss'), path)
  return { path, folder: join(directory, 'cache') }
}

function changeLastByte(path: string): void {
  const [tensor] = [...openGguf(path).tensors.values()].slice(-1)
  const { offset, bytes } = defined(tensor, 'a last tensor')
  writeSync(openSync(path, 'r+'), Buffer.from([0x55]), 0, 1, offset + bytes - 1)
}

test('manifestOf reads a model once and tells how it goes', async () => {
  const { path, folder } = setUp()
  const seen: number[] = []
  const onProgress = ({ bytes, totalBytes }: { bytes: number; totalBytes: number }) => {
    assert.ok(bytes <= totalBytes)
    seen.push(bytes / totalBytes)
  }
  assert.equal(await knownManifest(path, { folder }), undefined)
  const made = await manifestOf(path, { folder, onProgress })
  assert.equal(seen.at(-1), 1)
  assert.deepEqual(made, await hashed(path))
  const count = seen.length
  assert.deepEqual(await manifestOf(path, { folder, onProgress }), made)
  assert.equal(seen.length, count)
  assert.deepEqual(await knownManifest(path, { folder }), made)
})

test('manifestOf notices a file that changed', async () => {
  const { path, folder } = setUp()
  const before = await manifestOf(path, { folder })
  changeLastByte(path)
  assert.equal(await knownManifest(path, { folder }), undefined)
  const after = await manifestOf(path, { folder })
  assert.notEqual(after.model, before.model)
  assert.equal(readdirSync(folder).length, 1)
})

test('manifestOf notices a header that changed behind the same size and time', async () => {
  const { path, folder } = setUp()
  await manifestOf(path, { folder })
  const { atime, mtime } = statSync(path)
  utimesSync(path, atime, mtime)
  await manifestOf(path, { folder })
  const header = Buffer.from('tok_0')
  const { dataOffset } = defined(openGguf(path).files[0], 'a file')
  const fd = openSync(path, 'r+')
  const place = defined(findIn(path, { header, end: dataOffset }), 'a token')
  writeSync(fd, Buffer.from('tok_?'), 0, 5, place)
  utimesSync(path, atime, mtime)
  assert.equal(await knownManifest(path, { folder }), undefined)
})

function findIn(
  path: string,
  { header, end }: { header: Buffer; end: number },
): number | undefined {
  const at = readStart(path, end).indexOf(header)
  return at < 0 ? undefined : at
}

function readStart(path: string, end: number): Buffer {
  return readFileSync(path).subarray(0, end)
}

test('manifestOf makes a damaged manifest anew', async () => {
  const { path, folder } = setUp()
  const made = await manifestOf(path, { folder })
  const [name] = readdirSync(folder)
  const file = join(folder, defined(name, 'a cached manifest'))
  truncateSync(file, statSync(file).size - 1)
  assert.equal(await knownManifest(path, { folder }), undefined)
  assert.deepEqual(await manifestOf(path, { folder }), made)
  assert.deepEqual(await knownManifest(path, { folder }), made)
})

test('manifestOf refuses a file that changes while it is read', async () => {
  const { path, folder } = setUp()
  let isFirst = true
  const onProgress = () => {
    if (isFirst) utimesSync(path, 1, 1)
    isFirst = false
  }
  await assert.rejects(manifestOf(path, { folder, onProgress }), { code: 'GGUF_INVALID' })
  assert.equal(await knownManifest(path, { folder }), undefined)
})

test('manifestOf stops when told and keeps the event loop turning', async () => {
  const { path, folder } = setUp()
  const stop = new AbortController()
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  await manifestOf(path, { folder })
  clearInterval(timer)
  assert.ok(turns > 3)
  changeLastByte(path)
  const reason = new Error('enough')
  const stopped = manifestOf(path, {
    folder,
    signal: stop.signal,
    onProgress: () => stop.abort(reason),
  })
  await assert.rejects(stopped, reason)
})

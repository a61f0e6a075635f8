import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../../src/base/assert.js'
import { mapPages } from '../../../src/gguf/pages.js'
import { openGguf } from '../../../src/gguf/reader.js'
import type { PageRef } from '../../../src/pages/manifest.js'
import { manifestOf } from '../../../src/pages/manifest-store.js'
import { FileSource } from '../../../src/pages/sources/file.js'
import { findCopy, usualPlaces } from '../../../src/pages/sources/model-places.js'
import { testModel } from '../../support/models.js'
import { scratchDirectory } from '../../support/scratch.js'
import { allPages, fetchAll, fetcherOf, hashed, never, pageBytes } from '../support.js'

const folder = scratchDirectory()
const whole = testModel('gpt-oss')
const split = testModel('gpt-oss', { splits: 3 })
const manifest = await hashed(whole)

async function openSource(path: string): Promise<FileSource> {
  return defined(await FileSource.open(path, { manifest, folder }), 'a source')
}

for (const [kind, path] of [
  ['whole', whole],
  ['split', split],
] as const) {
  test(`FileSource reads every page out of a ${kind} copy`, async () => {
    const source = await openSource(path)
    for (const page of allPages(manifest)) {
      assert.ok(source.has(page))
      const expected = pageBytes(whole, page)
      assert.deepEqual(Buffer.concat(slicesOf(source, page)), expected)
      assert.deepEqual(Buffer.from(await source.read(page, never)), expected)
      const range = { offset: expected.length >> 2, length: expected.length >> 1 }
      const middle = expected.subarray(range.offset, range.offset + range.length)
      assert.deepEqual(Buffer.from(await source.readRange(page, range)), middle)
    }
    await source.close()
  })
}

/** As a card reads them that was told where the tensors lie. */
function slicesOf({ copy }: FileSource, { region, expert }: PageRef): Buffer[] {
  const tensors = defined(manifest.regions[region], 'a region').tensors
  return tensors.map(({ sliceBytes }, index) => {
    const { file, offset } = defined(copy.regions[region]?.[index], 'a tensor')
    const begin = offset + expert * sliceBytes
    return readFileSync(defined(copy.files[file], 'a file')).subarray(begin, begin + sliceBytes)
  })
}

test('FileSource opens no other model and no other training of it', async () => {
  for (const path of [testModel('qwen3moe'), testModel('gpt-oss', { seed: 1 })]) {
    assert.equal(await FileSource.open(path, { manifest, folder }), undefined)
  }
})

/** A copy in which one byte of expert 3 of the first region differs. */
function damagedCopy(): string {
  const path = join(scratchDirectory(), 'damaged.gguf')
  copyFileSync(whole, path)
  const slice = defined(mapPages(openGguf(path)).layers[0]?.tensors.at(-1), 'a tensor')
  const fd = openSync(path, 'r+')
  writeSync(fd, Buffer.from([0x42]), 0, 1, slice.offset + 3 * slice.sliceBytes + 5)
  return path
}

test('FileSource offers a copy that differs in one page for all the others', async () => {
  const source = await openSource(damagedCopy())
  const fetcher = fetcherOf([source])
  const failed = await fetchAll(fetcher, allPages(manifest), { onPage: () => {} })
  assert.equal(fetcher.counts[0]?.pages, manifest.pageCount - 1)
  assert.deepEqual(
    failed.map(({ page, error }) => [page.region, page.expert, error.code]),
    [[0, 3, 'PAGE_CORRUPT']],
  )
})

test('FileSource trusts the manifest that was made of a copy', async () => {
  const path = join(scratchDirectory(), 'copy.gguf')
  copyFileSync(whole, path)
  await manifestOf(path, { folder })
  assert.ok((await FileSource.open(path, { manifest, folder })) !== undefined)
})

test('FileSource fails clearly when the file went away', async () => {
  const path = join(scratchDirectory(), 'copy.gguf')
  copyFileSync(whole, path)
  await manifestOf(path, { folder })
  const source = await openSource(path)
  rmSync(path)
  const [page] = allPages(manifest)
  await assert.rejects(source.read(defined(page, 'a page'), never), {
    code: 'SOURCE_FAILED',
    message: /copy\.gguf: .*ENOENT/,
  })
})

test('findCopy finds a copy among other files, however deep it may look', async () => {
  const models = scratchDirectory()
  copyFileSync(testModel('qwen3moe'), join(models, 'a.gguf'))
  writeFileSync(join(models, 'broken.gguf'), 'GGUF and nothing')
  writeFileSync(join(models, 'notes.txt'), 'hello')
  const deep = join(models, 'publisher', 'model')
  mkdirSync(deep, { recursive: true })
  for (const index of [1, 2, 3]) {
    const name = `-0000${index}-of-00003.gguf`
    copyFileSync(split.replace(/-00001-of-00003\.gguf$/, name), join(deep, `c${name}`))
  }
  const find = (depth: number, isLate = () => false) => {
    const places = [
      { folder: join(models, 'no'), depth },
      { folder: models, depth },
    ]
    return findCopy(manifest, { places, isLate, folder })
  }
  assert.equal(await find(1), undefined)
  assert.equal(await find(2, () => true), undefined)
  const found = await find(2)
  assert.equal(found?.name, join(deep, 'c-00001-of-00003.gguf'))
  await found?.close()
  symlinkSync(whole, join(models, 'link.gguf'))
  assert.equal((await find(2))?.name, join(models, 'link.gguf'))
})

test('usualPlaces follow what other programs are told', () => {
  const env = { XDG_CACHE_HOME: '/c', HF_HOME: '/hf', LLAMA_CACHE: '/llama' }
  const folders = usualPlaces(env, '/u').map((place) => place.folder)
  for (const folder of ['/u/models', '/u/.lmstudio/models', '/llama', '/hf/hub']) {
    assert.ok(folders.includes(folder), folder)
  }
  assert.ok(usualPlaces({}, '/u').some((place) => place.folder === '/u/.cache/huggingface/hub'))
})

import assert from 'node:assert/strict'
import { copyFileSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../../src/base/assert.js'
import { mapPages } from '../../../src/gguf/pages.js'
import { openGguf } from '../../../src/gguf/reader.js'
import { manifestOf } from '../../../src/pages/manifest-store.js'
import { PageFetcher } from '../../../src/pages/page-fetcher.js'
import { FileSource, findFileSources } from '../../../src/pages/sources/file.js'
import { testModel } from '../../support/models.js'
import { scratchDirectory } from '../../support/scratch.js'
import { allPages, hashed, never, pageBytes } from '../support.js'

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
      const bytes = source.parts(page).map(readPart)
      assert.deepEqual(Buffer.concat(bytes), pageBytes(whole, page))
      assert.deepEqual(Buffer.from(await source.read(page, never)), pageBytes(whole, page))
    }
    await source.close()
  })
}

function readPart({
  path,
  offset,
  bytes,
}: {
  path: string
  offset: number
  bytes: number
}): Buffer {
  return readFileSync(path).subarray(offset, offset + bytes)
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
  const fetcher = new PageFetcher([source])
  const result = await fetcher.fetch(allPages(manifest), { onPage: () => {} })
  assert.equal(result.pages, manifest.pageCount - 1)
  assert.deepEqual(
    result.failed.map(({ page, error }) => [page.region, page.expert, error.code]),
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

test('findFileSources finds copies among other files', async () => {
  const models = scratchDirectory()
  copyFileSync(whole, join(models, 'b.gguf'))
  copyFileSync(testModel('qwen3moe'), join(models, 'a.gguf'))
  writeFileSync(join(models, 'broken.gguf'), 'GGUF and nothing')
  writeFileSync(join(models, 'notes.txt'), 'hello')
  for (const index of [1, 2, 3]) {
    const name = `-0000${index}-of-00003.gguf`
    copyFileSync(split.replace(/-00001-of-00003\.gguf$/, name), join(models, `c${name}`))
  }
  const found = await findFileSources(manifest, { folders: [models], folder })
  assert.deepEqual(
    found.map(({ name }) => name),
    [join(models, 'b.gguf'), join(models, 'c-00001-of-00003.gguf')],
  )
  await Promise.all(found.map((source) => source.close()))
  await assert.rejects(findFileSources(manifest, { folders: [join(models, 'no')] }), {
    code: 'FILE_UNREADABLE',
  })
})

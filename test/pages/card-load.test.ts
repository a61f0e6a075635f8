import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { loadSchema } from '../../src/fabric/control.js'
import { mapPages } from '../../src/gguf/pages.js'
import { openGguf } from '../../src/gguf/reader.js'
import { cardLoad, loadOfManifest, regionsInUse } from '../../src/pages/card-load.js'
import { FileSource } from '../../src/pages/sources/file.js'
import { ARCHITECTURES, testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'
import { hashed } from './support.js'

const folder = scratchDirectory()
const card = { device: 'cpu', threads: 2 }

for (const architecture of ARCHITECTURES) {
  test(`loadOfManifest tells a card of ${architecture} what cardLoad does of the file`, async () => {
    const path = testModel(architecture, { splits: 2 })
    const gguf = openGguf(path)
    const layers = regionsInUse(mapPages(gguf), gguf)
    const manifest = await hashed(path)
    const source = defined(await FileSource.open(path, { manifest, folder }), 'a copy')
    const { copy } = source
    const load = loadOfManifest(manifest, { regionsInUse: layers.length, copy })
    assert.deepEqual({ ...load, ...card }, cardLoad({ ...card, gguf, layers, pages: [] }))
    await source.close()
  })
}

test('loadOfManifest without a copy names no file, and none for what a copy lacks', async () => {
  const manifest = await hashed(testModel('qwen3moe'))
  const count = manifest.regions.length
  const bare = loadOfManifest(manifest, { regionsInUse: count })
  assert.deepEqual(loadSchema.parse({ ...bare, ...card }), { ...bare, ...card })
  assert.deepEqual(bare.files, [])
  const copy = { files: ['a', 'b'], regions: manifest.regions.map(() => null) }
  const lacking = loadOfManifest(manifest, { regionsInUse: count, copy })
  assert.ok(lacking.regions.every(({ tensors }) => tensors.every(({ file }) => file === 2)))
  assert.equal(loadOfManifest(manifest, { regionsInUse: 1 }).regions.length, 1)
})

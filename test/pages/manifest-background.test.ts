import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { readSlices } from '../../src/fabric/slice-reader.js'
import { openGguf } from '../../src/gguf/reader.js'
import { manifestInBackground } from '../../src/pages/manifest-background.js'
import { servedModel } from '../../src/pages/served-model.js'
import { testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'
import { allPages, hashed, pageBytes } from './support.js'

const path = testModel('gpt-oss')

test('manifestInBackground makes the manifest, tells how far it is, and keeps it', async () => {
  const folder = scratchDirectory()
  const percents: number[] = []
  const onPercent = (percent: number): void => void percents.push(percent)
  const manifest = await manifestInBackground(path, { folder, onPercent }).manifest
  assert.deepEqual(manifest, await hashed(path))
  assert.equal(percents.at(-1), 100)
  assert.deepEqual(
    percents,
    percents.toSorted((a, b) => a - b),
  )
  percents.length = 0
  await manifestInBackground(path, { folder, onPercent }).manifest
  assert.deepEqual(percents, [])
})

test('manifestInBackground tells why there is none, and ends when it is not wanted', async () => {
  await assert.rejects(manifestInBackground('/no.gguf').manifest, { code: 'FILE_NOT_FOUND' })
  const making = manifestInBackground(path, { folder: scratchDirectory() })
  making.stop()
  await assert.rejects(making.manifest, { code: 'CANCELLED' })
})

test('servedModel says where every page lies', async () => {
  const split = testModel('gpt-oss', { splits: 3 })
  const manifest = await hashed(split)
  const { files, regions, regionsInUse, modelHash } = servedModel(manifest, openGguf(split))
  assert.equal(modelHash, manifest.model)
  assert.equal(regionsInUse, manifest.regions.length)
  for (const page of allPages(manifest)) {
    const { slices } = defined(regions[page.region], 'a region')
    const own = slices.map((slice) => ({
      ...slice,
      offset: slice.offset + page.expert * slice.bytes,
    }))
    const read = await readSlices(files, { slices: own, range: { offset: 0, length: page.bytes } })
    assert.deepEqual(Buffer.from(read), pageBytes(split, page))
  }
})

test('servedModel leaves out the layers that only draft', async () => {
  const drafting = testModel('glm4moe')
  const model = openGguf(drafting)
  const served = servedModel(await hashed(drafting), model)
  const extra = model.getModelNumber('nextn_predict_layers') ?? 0
  assert.equal(served.regionsInUse, served.regions.length - extra)
})

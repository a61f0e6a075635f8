import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { SputnikError } from '../../src/base/errors.js'
import type { Metadata } from '../../src/gguf/encode-header.js'
import { writeRandomModel } from '../../src/gguf/random-model.js'
import type { Manifest } from '../../src/pages/manifest.js'
import {
  decodeManifest,
  encodeManifest,
  makeManifest,
  pageRef,
  sliceOffsets,
} from '../../src/pages/manifest.js'
import { ARCHITECTURES, describeModel, testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'
import { allPages, hashed, pageBytes } from './support.js'

const directory = scratchDirectory()
const MEMORY_BYTES = 256 << 20

for (const architecture of ['gpt-oss', 'qwen3moe', 'deepseek2', 'glm4moe']) {
  test(`hashModel hashes every page of ${architecture} as its slices in order`, async () => {
    assert.ok(ARCHITECTURES.includes(architecture))
    const path = testModel(architecture)
    const manifest = await hashed(path)
    assert.ok(manifest.pageCount >= 8)
    const pages = allPages(manifest)
    assert.equal(pages.length, manifest.pageCount)
    for (const page of pages) {
      const bytes = pageBytes(path, page)
      assert.equal(bytes.length, page.bytes)
      assert.equal(createHash('sha256').update(bytes).digest('hex'), page.hash)
    }
  })
}

test('hashModel gives split and whole copies of a model one name', async () => {
  const whole = await hashed(testModel('gpt-oss'))
  const split = await hashed(testModel('gpt-oss', { splits: 3 }))
  assert.deepEqual(split, whole)
  const other = await hashed(testModel('gpt-oss', { seed: 1 }))
  assert.notEqual(other.model, whole.model)
  assert.notEqual(other.trunk.hash, whole.trunk.hash)
})

test('hashModel names a model by all that it computes with and by nothing else', async () => {
  const { metadata, tensors } = describeModel('qwen3moe')
  const named = async (changed: Metadata, order = tensors): Promise<Manifest> => {
    const path = join(directory, 'varied.gguf')
    return hashed(writeRandomModel(path, { metadata: { ...metadata, ...changed }, tensors: order }))
  }
  const plain = await named({})
  const same = await named({ 'general.name': { type: 'str', value: 'another name' } })
  assert.equal(same.model, plain.model)
  assert.equal((await named({}, [...tensors].reverse())).model, plain.model)
  const theta = await named({ 'qwen3moe.rope.freq_base': { type: 'f32', value: 5 } })
  assert.notEqual(theta.model, plain.model)
  const tokens = await named({
    'tokenizer.ggml.merges': { type: 'array', of: 'str', value: ['a b'] },
  })
  assert.notEqual(tokens.trunk.hash, plain.trunk.hash)
  assert.deepEqual(tokens.hashes, plain.hashes)
})

test('decodeManifest returns what encodeManifest was given', async () => {
  const manifest = await hashed(testModel('gpt-oss'))
  const bytes = encodeManifest(manifest)
  assert.deepEqual(decodeManifest(bytes, manifest.model), manifest)
  assert.throws(() => decodeManifest(bytes, '0'.repeat(64)), { code: 'MANIFEST_INVALID' })
})

test('pageRef knows only pages that exist, sliceOffsets where their tensors begin', async () => {
  const manifest = await hashed(testModel('gpt-oss'))
  assert.equal(pageRef(manifest, { region: 0, expert: 8 }), undefined)
  assert.equal(pageRef(manifest, { region: 0, expert: -1 }), undefined)
  assert.equal(pageRef(manifest, { region: 0, expert: 0.5 }), undefined)
  assert.equal(pageRef(manifest, { region: 99, expert: 0 }), undefined)
  const [region] = manifest.regions
  assert.ok(region !== undefined)
  const last = region.tensors.at(-1)?.sliceBytes ?? 0
  assert.equal((sliceOffsets(region).at(-1) ?? 0) + last, region.pageBytes)
})

/** Whether it was accepted; anything but a SputnikError escapes. */
function accepts(bytes: Uint8Array): boolean {
  try {
    decodeManifest(bytes)
    return true
  } catch (error) {
    if (error instanceof SputnikError && error.code === 'MANIFEST_INVALID') return false
    throw error
  }
}

function bounded(): void {
  const { external, heapUsed } = process.memoryUsage()
  assert.ok(external + heapUsed < MEMORY_BYTES)
}

test('decodeManifest refuses every damaged copy with an error of its own', async () => {
  const good = encodeManifest(await hashed(testModel('gpt-oss')))
  const mutation = fc.record({
    position: fc.nat(good.length - 1),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 8 }),
      fc.constantFrom('0', '9', '"', '[', '-', 'e', '{').map((text) => Buffer.from(text)),
    ),
  })
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
      const damaged = Buffer.from(good)
      for (const { position, bytes } of mutations) {
        damaged.set(bytes.subarray(0, good.length - position), position)
      }
      assert.equal(accepts(damaged), damaged.equals(good))
      bounded()
    }),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.nat(good.length - 1), (length) => !accepts(good.subarray(0, length))),
    { numRuns: 200 },
  )
})

function frame(header: string, hashes: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(header)
  const prefix = Buffer.alloc(12)
  prefix.write('SPMF')
  prefix.writeUInt32LE(1, 4)
  prefix.writeUInt32LE(text.length, 8)
  return Buffer.concat([prefix, text, hashes])
}

test('decodeManifest survives any JSON and any bytes', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (json) => !accepts(frame(json))),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => !accepts(bytes)),
    { numRuns: 500 },
  )
  assert.equal(accepts(frame('['.repeat(4 << 20))), false)
  const huge = frame('{}')
  huge.writeUInt32LE(0xffffffff, 8)
  assert.equal(accepts(huge), false)
  bounded()
})

test('makeManifest refuses geometry that contradicts itself', async () => {
  const manifest = await hashed(testModel('gpt-oss'))
  const regions = manifest.regions.map(({ pageBytes: _, firstPage: __, ...region }) => region)
  const [first, ...rest] = regions
  assert.ok(first !== undefined)
  const [tensor, ...tensors] = first.tensors
  assert.ok(tensor !== undefined)
  const withTensor = (change: object) => [
    { ...first, tensors: [{ ...tensor, ...change }, ...tensors] },
    ...rest,
  ]
  const wrong = [
    [...regions].reverse(),
    [first, first, ...rest],
    [{ ...first, experts: 4 }, ...rest],
    [{ ...first, experts: 1e6 }, ...rest],
    [{ ...first, tensors: [...first.tensors].reverse() }, ...rest],
    withTensor({ sliceBytes: tensor.sliceBytes + 1 }),
    withTensor({ typeId: 200 }),
    withTensor({ shape: [2 ** 50, 2 ** 50, 8] }),
    withTensor({ name: 'blk.7.ffn_down_exps.bias' }),
    withTensor({ kind: 'scale' }),
  ]
  assert.equal(makeManifest({ ...manifest, regions }).model, manifest.model)
  for (const geometry of wrong) {
    const parts = { ...manifest, regions: geometry }
    assert.throws(() => makeManifest(parts), { code: 'MANIFEST_INVALID' })
  }
})

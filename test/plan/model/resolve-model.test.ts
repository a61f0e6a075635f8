import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SputnikError } from '../../../src/base/errors.js'
import { inspectModel } from '../../../src/cli/inspect.js'
import { openGguf } from '../../../src/gguf/reader.js'
import { shapeOfGguf } from '../../../src/plan/model/gguf-shape.js'
import { resolveModel } from '../../../src/plan/model/resolve-model.js'
import {
  expertBytes,
  pageBytes,
  pageCount,
  trunkBytes,
  trunkBytesPerStep,
} from '../../../src/plan/model/sizes.js'
import { testModel } from '../../support/models.js'
import { MIXTRAL } from './mixtral-config.js'

const TINY = 'models/tiny/sputnik-tiny.gguf'

test('a GGUF has the bytes that inspect counts', () => {
  const shape = resolveModel(TINY)
  const seen = inspectModel(TINY)
  assert.equal(trunkBytes(shape), seen.trunkBytes)
  assert.equal(expertBytes(shape), seen.expertBytes)
  assert.equal(pageCount(shape), seen.experts.pages)
  assert.equal(pageBytes(shape), seen.pageBytes.max)
  assert.deepEqual([shape.layers, shape.moeLayers], [seen.layers.total, seen.layers.moe])
  assert.deepEqual([shape.experts, shape.expertsUsed], [seen.experts.perLayer, seen.experts.used])
  assert.equal(shape.hidden, seen.embeddingLength)
  assert.equal(shape.contextLength, seen.contextLength)
  assert.ok(trunkBytesPerStep(shape) <= trunkBytes(shape))
})

test('other weights take the place of exact bytes', () => {
  const shape = resolveModel(TINY, { weights: 'f32' })
  assert.equal(shape.exact, undefined)
  // Norms are in the file and not in the shape.
  const whole = resolveModel(TINY)
  assert.equal(expertBytes(shape) / expertBytes(whole), 32 / whole.bits.experts)
})

test('GGUFs of many architectures are read', () => {
  const shape = (name: string) => shapeOfGguf(openGguf(testModel(name)))
  const deepseek = shape('deepseek2')
  assert.deepEqual(deepseek.attention, {
    kind: 'latent',
    heads: 1,
    queryRank: 512,
    kvRank: 512,
    nopeDim: 128,
    ropeDim: 64,
    valueDim: 128,
  })
  assert.deepEqual(
    [deepseek.layers, deepseek.moeLayers, deepseek.denseFfn, deepseek.sharedFfn],
    [2, 1, 192, 192],
  )
  assert.deepEqual(shape('gpt-oss').attention, {
    kind: 'grouped',
    heads: 2,
    kvHeads: 2,
    headDim: 128,
    window: { layers: 1, tokens: 32 },
  })
  assert.equal(shape('qwen2moe').sharedFfn, 192)
  assert.equal(shape('glm4moe').denseFfn, 384)
  for (const name of ['olmoe', 'qwen3moe', 'llama', 'minimax-m2', 'granitemoe', 'bailingmoe2']) {
    const { experts, expertsUsed, expertFfn, ffnMatrices } = shape(name)
    assert.deepEqual([experts, expertsUsed, expertFfn, ffnMatrices], [8, 3, 384, 3], name)
  }
  for (const name of ['kimi-linear', 'qwen3next']) {
    assert.throws(() => shape(name), /plans know no such layers/)
  }
})

test('a folder with a config.json is a model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plan-model-'))
  writeFileSync(join(folder, 'config.json'), JSON.stringify(MIXTRAL))
  assert.equal(resolveModel(folder).experts, 8)
  assert.equal(resolveModel(join(folder, 'config.json'), { weights: 'q8_0' }).bits.trunk, 8.5)
  writeFileSync(join(folder, 'config.json'), '{"model_type": ')
  assert.throws(() => resolveModel(folder), hasCode('MODEL_SHAPE', /no JSON/))
  writeFileSync(join(folder, 'config.json'), ' '.repeat(2 ** 20 + 1))
  assert.throws(() => resolveModel(folder), hasCode('PLAN_INVALID', /at most 1048576/))
})

test('names are found in any case, and others answered with what was meant', () => {
  assert.equal(resolveModel('DeepSeek-V3').id, 'deepseek-v3')
  assert.throws(() => resolveModel('deepsek-v3'), hasCode('MODEL_UNKNOWN', /near: deepseek-v3/))
  assert.throws(() => resolveModel('gpt-oss'), hasCode('MODEL_UNKNOWN', /gpt-oss-20b/))
  assert.throws(() => resolveModel('zzz'), hasCode('MODEL_UNKNOWN', /'zzz' in the catalogue$/))
  assert.throws(() => resolveModel('package.json5'), hasCode('MODEL_UNKNOWN', /package/))
  assert.throws(() => resolveModel('LICENSE'), hasCode('MODEL_UNKNOWN', /ends in .gguf or .json/))
  assert.throws(() => resolveModel('none.json'), hasCode('FILE_NOT_FOUND', /none.json/))
  assert.throws(() => resolveModel('none.gguf'), hasCode('FILE_NOT_FOUND', /none.gguf/))
})

function hasCode(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof SputnikError && error.code === code && pattern.test(error.message)
}

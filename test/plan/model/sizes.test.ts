import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../../src/base/assert.js'
import { combineBytes, dispatchBytes } from '../../../src/plan/cost/wire.js'
import { BUILTIN_MODELS, findBuiltinModel } from '../../../src/plan/model/builtin.js'
import type { ModelShape } from '../../../src/plan/model/shape.js'
import {
  activeParameters,
  countParameters,
  expertBytes,
  kvBytes,
  pageBytes,
  pageCount,
  totalParameters,
  trunkBytes,
  trunkBytesPerStep,
  trunkParameters,
} from '../../../src/plan/model/sizes.js'
import { weightBits } from '../../../src/plan/model/weight-formats.js'

const model = (id: string): ModelShape => defined(findBuiltinModel(id), id)

function assertNear(actual: number, expected: number, share: number, what: string): void {
  const error = actual / expected - 1
  assert.ok(Math.abs(error) <= share, `${what}: ${actual}, not ${expected} (${error})`)
}

/**
 * As the makers publish them. They count the tables of tokens in three ways: with embedding and
 * head (README_WEIGHTS.md of DeepSeek-V3; Kimi, Qwen, Mixtral by the numbers), with the head alone
 * (gpt-oss model card), or with neither but with multi-token prediction (GLM-4.5 report, table 1).
 */
const PUBLISHED: readonly [id: string, total: number, active: number, tables: string][] = [
  ['deepseek-v3', 671e9, 37e9, 'both'],
  ['deepseek-r1', 671e9, 37e9, 'both'],
  ['kimi-k2', 1.04e12, 32e9, 'head'],
  ['qwen3-235b-a22b', 235e9, 22e9, 'both'],
  ['qwen3-30b-a3b', 30.5e9, 3.3e9, 'both'],
  ['glm-4.5', 355e9, 32e9, 'none'],
  ['glm-4.5-air', 106e9, 12e9, 'none'],
  ['gpt-oss-120b', 116.83e9, 5.13e9, 'head'],
  ['gpt-oss-20b', 20.91e9, 3.61e9, 'head'],
  ['mixtral-8x7b', 46.7e9, 12.9e9, 'both'],
]

for (const [id, total, active, tables] of PUBLISHED) {
  test(`${id} has the parameters its makers publish`, () => {
    const shape = model(id)
    const { embedding, outputHead } = countParameters(shape)
    const extra = { both: embedding, head: 0, none: -outputHead }[tables] ?? Number.NaN
    assertNear(totalParameters(shape), total, 0.02, 'total')
    assertNear(activeParameters(shape) + extra, active, 0.02, 'active')
  })
}

test('every built-in model is in the table of published sizes', () => {
  assert.deepEqual(PUBLISHED.map(([id]) => id).sort(), BUILTIN_MODELS.map(({ id }) => id).sort())
})

test('a token of DeepSeek-V3 takes 3.33 MB out in fp8 and 6.65 MB back in bf16', () => {
  const { hidden, expertsUsed, moeLayers } = model('deepseek-v3')
  const bytes = { dispatchBytesPerValue: 1, combineBytesPerValue: 2 }
  const exchange = { hidden, copies: expertsUsed, ...bytes }
  assert.equal(moeLayers * dispatchBytes(exchange), 58 * 8 * 7168)
  assertNear(moeLayers * dispatchBytes(exchange), 3.33e6, 0.002, 'dispatch')
  assertNear(moeLayers * combineBytes(exchange), 6.65e6, 0.002, 'combine')
})

test('the routed experts of DeepSeek-V3 take 327 GB at four bits', () => {
  const shape = { ...model('deepseek-v3'), bits: { trunk: 8, experts: 4 } }
  assertNear(expertBytes(shape), 327e9, 0.002, 'experts')
})

test('gpt-oss has the size of its published checkpoints', () => {
  // Model card: 60.8 GiB and 12.8 GiB.
  for (const [id, gib] of [
    ['gpt-oss-120b', 60.8],
    ['gpt-oss-20b', 12.8],
  ] as const) {
    const shape = model(id)
    assertNear(trunkBytes(shape) + expertBytes(shape), gib * 2 ** 30, 0.01, id)
  }
})

test('the KV cache of DeepSeek-V3 takes 70.3 kB a token, of Qwen3-235B 193 kB', () => {
  // arXiv 2505.09343, table 1, gives 70.272 KB for DeepSeek-V3 in bf16.
  const one = { tokens: 1, valueBytes: 2 }
  assert.equal(kvBytes(model('deepseek-v3'), one), 70_272)
  assert.equal(kvBytes(model('qwen3-235b-a22b'), one), 94 * 2 * 4 * 128 * 2)
})

test('windows stop growing where they end', () => {
  const shape = model('gpt-oss-120b')
  const at = (tokens: number): number => kvBytes(shape, { tokens, valueBytes: 2 })
  assert.equal(at(128), 128 * kvBytes(shape, { tokens: 1, valueBytes: 2 }))
  assert.equal(at(1128) - at(128), (1000 * kvBytes(shape, { tokens: 1, valueBytes: 2 })) / 2)
})

test('trunk and experts make up the whole at any weights', () => {
  const pickModel = fc.constantFrom(...BUILTIN_MODELS)
  const pickFormat = fc.constantFrom('bf16', 'q8_0', 'mxfp4', 'q4_K', 'int4', 'bf16/q4_K')
  fc.assert(
    fc.property(pickModel, pickFormat, (shape, format) => {
      const bits = weightBits(format)
      const sized = { ...shape, bits }
      const { routedExperts, embedding } = countParameters(sized)
      assert.equal(trunkParameters(sized) + routedExperts, totalParameters(sized))
      assertNear(trunkBytes(sized), (trunkParameters(sized) * bits.trunk) / 8, 1e-12, 'trunk')
      assertNear(pageBytes(sized) * pageCount(sized), expertBytes(sized), 1e-12, 'pages')
      const step = trunkBytesPerStep(sized) + (embedding * bits.trunk) / 8
      assertNear(step, trunkBytes(sized), 1e-12, 'step')
    }),
  )
})

test('weightBits counts scales and keeps the tables of an fp8 checkpoint in bf16', () => {
  assert.deepEqual(weightBits('mxfp4'), { trunk: 4.25, experts: 4.25 })
  assert.deepEqual(weightBits('q8_0/q4_K'), { trunk: 8.5, experts: 4.5 })
  assert.deepEqual(weightBits('fp8'), { trunk: 8 + 1 / 512, experts: 8 + 1 / 512, embedding: 16 })
  for (const text of ['', 'fp7', 'bf16/fp7', 'bf16/q4_K/q4_K', '/']) {
    assert.throws(() => weightBits(text), /--weights: .*mxfp4/)
  }
})

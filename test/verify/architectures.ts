/** Verifies every test architecture in one weight type, with one card and with three. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EngineConfig } from '../../src/engine/protocol.js'
import { type Verification, verify } from '../../src/engine/verify.js'
import type { WeightType } from '../../src/gguf/quantize.js'
import { openGguf } from '../../src/gguf/reader.js'
import { loadLibraries } from '../../src/native/library.js'
import { recordNativeLog } from '../../src/native/native-log.js'
import { ARCHITECTURES, testModel, wideModel } from '../support/models.js'

/** Tokens of the prompt, and of the greedy continuation. */
const TOKENS = 64

type Fleet = { readonly cards: number; readonly exact: boolean }

const FLEETS: readonly Fleet[] = [
  { cards: 1, exact: false },
  { cards: 3, exact: false },
  { cards: 3, exact: true },
]

/** A model whose experts are K quants in both directions. */
const WIDE = 'qwen3moe with wide experts'

export function verifyArchitectures(type: WeightType): void {
  loadLibraries('cpu')
  recordNativeLog()
  for (const model of [...ARCHITECTURES, WIDE]) {
    for (const fleet of FLEETS) {
      const name = `${fleet.cards} cards${fleet.exact ? ', exact' : ''}`
      test(`${model} ${type} computes the same with ${name}`, () => {
        const path = model === WIDE ? wideModel({ type }) : testModel(model, { type })
        check(runVerify(path, fleet), { type, fleet })
      })
    }
  }
}

function runVerify(modelPath: string, fleet: Fleet): Verification {
  return verify({
    config: config(modelPath, fleet),
    gguf: openGguf(modelPath),
    tokens: TOKENS,
    onProgress: () => {},
  })
}

function check(
  verification: Verification,
  { type, fleet }: { type: WeightType; fleet: Fleet },
): void {
  for (const result of verification.results) {
    const label = `${result.path} ${result.phase}: ${result.normalisedError}`
    assert.ok(result.isWithin, label)
    if (result.path === 'local') assert.ok(result.isIdentical, label)
    // One card adds in the order of plain libllama, and so does the head when asked to. K quants
    // are only held to it when asked to.
    const isSameOrder = fleet.exact || (fleet.cards === 1 && !type.endsWith('_K'))
    if (result.path === 'cards' && isSameOrder) assert.ok(result.isIdentical, label)
    if (type === 'f32' || type === 'f16') assert.ok(result.normalisedError <= 1e-6, label)
    const isContinuation = result.phase === 'decode'
    if (isContinuation && type === 'f32') assert.equal(result.agreement, 1, label)
  }
}

function config(modelPath: string, fleet: Fleet): EngineConfig {
  return {
    ...fleet,
    modelPath,
    threads: 1,
    cardThreads: 1,
    contextLength: 256,
    parallel: 3,
    batch: 512,
    kvType: 'f16',
    flashAttention: 'auto',
    wire: 'f32',
    backend: 'cpu',
    gpuLayers: -1,
    logLevel: 'error',
  }
}

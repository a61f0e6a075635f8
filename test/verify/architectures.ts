/** Verifies every test architecture in one weight type, with one card and with three. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EngineConfig } from '../../src/engine/protocol.js'
import { type Verification, verify } from '../../src/engine/verify.js'
import type { WeightType } from '../../src/gguf/quantize.js'
import { openGguf } from '../../src/gguf/reader.js'
import { loadLibraries } from '../../src/native/library.js'
import { recordNativeLog } from '../../src/native/native-log.js'
import { ARCHITECTURES, testModel } from '../support/models.js'

/** Tokens of the prompt, and of the greedy continuation. */
const TOKENS = 64

export function verifyArchitectures(type: WeightType, cardCounts: readonly number[]): void {
  loadLibraries('cpu')
  recordNativeLog()
  for (const architecture of ARCHITECTURES) {
    for (const cards of cardCounts) {
      test(`${architecture} ${type} computes the same with ${cards} cards`, () => {
        check(runVerify(architecture, { type, cards }), { type, cards })
      })
    }
  }
}

function runVerify(
  architecture: string,
  { type, cards }: { type: WeightType; cards: number },
): Verification {
  const modelPath = testModel(architecture, { type })
  return verify({
    config: config(modelPath, cards),
    gguf: openGguf(modelPath),
    tokens: TOKENS,
    onProgress: () => {},
  })
}

function check(
  verification: Verification,
  { type, cards }: { type: WeightType; cards: number },
): void {
  for (const result of verification.results) {
    const label = `${result.path} ${result.phase}: ${result.normalisedError}`
    assert.ok(result.isWithin, label)
    if (result.path === 'local') assert.ok(result.isIdentical, label)
    // One card adds in the order of plain libllama, so nothing may differ at all.
    if (result.path === 'cards' && cards === 1) assert.ok(result.isIdentical, label)
    if (type === 'f32' || type === 'f16') assert.ok(result.normalisedError <= 1e-6, label)
    const isContinuation = result.phase === 'decode'
    if (isContinuation && type === 'f32') assert.equal(result.agreement, 1, label)
  }
}

function config(modelPath: string, cards: number): EngineConfig {
  return {
    modelPath,
    cards,
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

/** The local domain as it serves: nothing is captured while it holds all pages. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openExperts } from '../../src/engine/experts.js'
import { Runtime } from '../../src/engine/runtime.js'
import { openGguf } from '../../src/gguf/reader.js'
import { loadLibraries } from '../../src/native/library.js'
import { recordNativeLog } from '../../src/native/native-log.js'
import { testModel } from '../support/models.js'
import { engineConfig } from './support.js'

loadLibraries('cpu')
recordNativeLog()

function logitsOf(modelPath: string, experts: 'plain' | 'whole' | 'captured'): Float32Array {
  const config = engineConfig(modelPath)
  const gguf = openGguf(modelPath)
  const made =
    experts === 'plain'
      ? undefined
      : openExperts(config, gguf, () => {}, { captureLocal: experts === 'captured' })
  const runtime = Runtime.open({ config, gguf, experts: made })
  runtime.batch.clear()
  for (let position = 0; position < 8; position++) {
    runtime.batch.add(3 + position, { position, sequence: 0, output: position === 7 })
  }
  runtime.decode()
  const logits = Float32Array.from(runtime.logits(0))
  runtime.free()
  return logits
}

for (const architecture of ['qwen3moe', 'gpt-oss', 'llama4']) {
  test(`LocalExperts gives the logits of plain libllama, captured or not (${architecture})`, () => {
    const modelPath = testModel(architecture, { type: 'q8_0' })
    const plain = logitsOf(modelPath, 'plain')
    assert.deepEqual(logitsOf(modelPath, 'whole'), plain)
    assert.deepEqual(logitsOf(modelPath, 'captured'), plain)
  })
}

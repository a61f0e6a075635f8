import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseContextLength, kvCellBytes } from '../../src/engine/memory-need.js'
import { openGguf } from '../../src/gguf/reader.js'
import { recordNativeLog } from '../../src/native/native-log.js'
import { ARCHITECTURES, testModel } from '../support/models.js'
import { openEngine } from './support.js'

const MIB = 1024 * 1024
const CONTEXT_LENGTH = 4096
const PARALLEL = 4

/** What the library says it allocated for keys and values. */
function measuredBytes(path: string, kvType: string): number {
  let bytes = 0
  recordNativeLog((_level, line) => {
    const size = / KV buffer size = +([\d.]+) MiB/.exec(line)?.[1]
    bytes += Number(size ?? 0) * MIB
  })
  openEngine(path, { contextLength: CONTEXT_LENGTH, parallel: PARALLEL, kvType }).close()
  recordNativeLog()
  return bytes
}

for (const architecture of ARCHITECTURES) {
  test(`kvCellBytes is what libllama allocates: ${architecture}`, () => {
    const path = testModel(architecture)
    for (const kvType of ['f16', 'f32'] as const) {
      const need = kvCellBytes(openGguf(path), kvType) * CONTEXT_LENGTH * PARALLEL
      const measured = measuredBytes(path, kvType)
      // Recurrent layers keep no cells, but the metadata does not always say which they are.
      assert.ok(need >= measured * 0.99, `${need} bytes are too few for ${measured}`)
      assert.ok(need <= measured * 4, `${need} bytes are too many for ${measured}`)
    }
  })
}

const request = {
  contextLength: 0,
  parallel: 2,
  trainContextLength: 100_000,
  kvType: 'f16',
  freeBytes: 100 * 1024 * MIB,
} as const

test('chooseContextLength takes what was asked for, rounded up, or a sensible most', () => {
  assert.equal(chooseContextLength(1024, { ...request, contextLength: 1000 }), 1024)
  assert.equal(chooseContextLength(1024, request), 32_768)
  assert.equal(chooseContextLength(1024, { ...request, trainContextLength: 2048 }), 2048)
})

test('chooseContextLength shortens its own choice to what is free, but never a given one', () => {
  const little = { ...request, freeBytes: 256 * MIB }
  const chosen = chooseContextLength(16 * 1024, little)
  assert.ok(chosen < 32_768 && chosen % 256 === 0 && chosen > 0, `${chosen}`)
  assert.throws(() => chooseContextLength(16 * 1024, { ...little, contextLength: 32_768 }), {
    code: 'OUT_OF_MEMORY',
  })
  assert.throws(() => chooseContextLength(16 * 1024, { ...request, freeBytes: MIB }), {
    code: 'OUT_OF_MEMORY',
  })
})

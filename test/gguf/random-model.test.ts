import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { mapPages } from '../../src/gguf/pages.js'
import { WEIGHT_TYPES } from '../../src/gguf/quantize.js'
import { writeRandomModel } from '../../src/gguf/random-model.js'
import type { GgufModel } from '../../src/gguf/reader.js'
import { openGguf } from '../../src/gguf/reader.js'
import { loadLibraries } from '../../src/native/library.js'
import { Model } from '../../src/native/llama-model.js'
import { ARCHITECTURES, describeModel, testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'

const directory = scratchDirectory()

function tensorData(model: GgufModel, name: string): Buffer {
  const tensor = defined(model.tensors.get(name), name)
  const fd = openSync(model.path, 'r')
  const bytes = Buffer.alloc(tensor.bytes)
  readSync(fd, bytes, 0, bytes.length, tensor.offset)
  closeSync(fd)
  return bytes
}

function floats(model: GgufModel, name: string): Float32Array {
  return new Float32Array(Uint8Array.from(tensorData(model, name)).buffer)
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

test('writeRandomModel gives the same bytes for a seed and others for another', () => {
  const description = describeModel('kimi-linear')
  const write = (name: string, seed: number): string => {
    const path = writeRandomModel(join(directory, name), { ...description, seed })
    return hashOf(readFileSync(path))
  }
  const first = write('a.gguf', 1)
  assert.equal(write('b.gguf', 1), first)
  assert.notEqual(write('c.gguf', 2), first)
})

test('writeRandomModel makes every expert differ, also in pooled tensors', () => {
  const path = join(directory, 'pooled.gguf')
  const name = 'blk.0.ffn_up_exps.weight'
  writeRandomModel(path, {
    metadata: { 'general.architecture': { type: 'str', value: 'test' } },
    tensors: [{ name, type: 'q4_0', shape: [512, 256, 64] }],
  })
  const data = tensorData(openGguf(path), name)
  const sliceBytes = data.length / 64
  const slices = Array.from({ length: 64 }, (_, e) =>
    hashOf(data.subarray(e * sliceBytes, (e + 1) * sliceBytes)),
  )
  assert.equal(new Set(slices).size, 64)
})

test('writeRandomModel keeps decays negative, norms near one and weights near zero', () => {
  const model = openGguf(testModel('kimi-linear'))
  const mean = (values: Float32Array) => values.reduce((sum, v) => sum + v, 0) / values.length
  const decays = [...model.tensors.keys()].filter((name) => /ssm_a$/.test(name))
  assert.ok(decays.length > 0)
  for (const name of decays) assert.ok(floats(model, name).every((value) => value < 0))
  assert.ok(Math.abs(mean(floats(model, 'output_norm.weight')) - 1) < 0.1)
  const weights = floats(model, 'output.weight')
  assert.ok(Math.abs(mean(weights)) < 0.01)
  const deviation = Math.sqrt(mean(weights.map((value) => value ** 2)))
  assert.ok(Math.abs(deviation - 0.1) < 0.01)
})

test('testModel gives expert weights the wanted type where their rows fit', () => {
  for (const type of WEIGHT_TYPES) {
    const model = openGguf(testModel('olmoe', { type }))
    assert.equal(model.tensors.get('blk.0.ffn_up_exps.weight')?.type, type)
    assert.equal(model.tensors.get('blk.0.ffn_gate_inp.weight')?.type, 'f32')
    assert.equal(model.tensors.get('blk.0.attn_norm.weight')?.type, 'f32')
  }
})

test('testModel writes split files with the tensors of the whole', () => {
  const whole = openGguf(testModel('qwen3moe'))
  const split = openGguf(testModel('qwen3moe', { splits: 3 }))
  assert.equal(split.files.length, 3)
  assert.deepEqual([...split.tensors.keys()], [...whole.tensors.keys()])
  assert.equal(mapPages(split).expertBytes, mapPages(whole).expertBytes)
})

test('testModel makes models of every architecture that libllama loads', () => {
  loadLibraries()
  assert.equal(ARCHITECTURES.length, 14)
  for (const architecture of ARCHITECTURES) {
    const path = testModel(architecture)
    const model = Model.load([path])
    const bytes = [...openGguf(path).tensors.values()].reduce((sum, t) => sum + t.bytes, 0)
    assert.equal(model.vocab.size, 128)
    assert.ok(model.bytes <= bytes && model.bytes > bytes / 2, architecture)
    model.free()
  }
})

test('testModel makes split models that libllama loads', () => {
  loadLibraries()
  const whole = Model.load([testModel('qwen3moe')])
  const split = Model.load([testModel('qwen3moe', { splits: 3 })])
  assert.equal(split.bytes, whole.bytes)
  split.free()
  whole.free()
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TensorInfo } from '../../src/gguf/encode-header.js'
import type { PageMap } from '../../src/gguf/pages.js'
import { mapPages } from '../../src/gguf/pages.js'
import { writeRandomModel } from '../../src/gguf/random-model.js'
import { openGguf } from '../../src/gguf/reader.js'
import { ARCHITECTURES, testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'

const directory = scratchDirectory()

function mapTensors(shapes: Record<string, number[]>): PageMap {
  const path = join(directory, 'pages.gguf')
  const tensors: TensorInfo[] = Object.entries(shapes).map(([name, shape]) => ({
    name,
    type: 'f32',
    shape,
  }))
  const metadata = { 'general.architecture': { type: 'str', value: 'test' } } as const
  return mapPages(openGguf(writeRandomModel(path, { metadata, tensors })))
}

for (const architecture of ARCHITECTURES) {
  test(`mapPages covers every expert byte of ${architecture} once`, () => {
    const model = openGguf(testModel(architecture))
    const pages = mapPages(model)
    assert.equal(pages.expertCount, 8)
    assert.equal(pages.expertUsed, 3)
    assert.ok(pages.layers.length > 0)
    for (const layer of pages.layers) {
      assert.equal(layer.experts, 8)
      for (const slice of layer.tensors) {
        const tensor = model.tensors.get(slice.name)
        assert.equal(slice.offset, tensor?.offset)
        assert.equal(slice.sliceBytes * layer.experts, tensor?.bytes)
      }
    }
    const names = pages.layers.flatMap((layer) => layer.tensors.map((tensor) => tensor.name))
    const left = [...model.tensors.values()].filter((tensor) => !names.includes(tensor.name))
    const leftBytes = left.reduce((sum, tensor) => sum + tensor.bytes, 0)
    assert.equal(pages.trunkBytes, leftBytes)
    assert.ok(left.every((tensor) => !/_(ch)?exps\.(weight|bias|scale)$/.test(tensor.name)))
  })
}

test('mapPages takes weights, biases and scales of one layer into its pages', () => {
  const [layer] = mapPages(openGguf(testModel('gpt-oss'))).layers
  const kinds = layer?.tensors.map((tensor) => `${tensor.role} ${tensor.kind}`)
  const roles = ['down', 'gate', 'up']
  assert.deepEqual(
    kinds,
    roles.flatMap((role) => [`${role} bias`, `${role} scale`, `${role} weight`]),
  )
})

test('mapPages leaves input scales, routers and shared experts to the trunk', () => {
  const pages = mapTensors({
    'blk.0.ffn_gate_inp.weight': [4, 2],
    'blk.0.exp_probs_b.bias': [2],
    'blk.0.ffn_up_shexp.weight': [4, 4],
    'blk.0.ffn_up_exps.weight': [4, 4, 2],
    'blk.0.ffn_up_exps.input_scale': [2],
  })
  assert.equal(pages.expertBytes, 4 * 4 * 2 * 4)
  assert.deepEqual(
    pages.layers.map((layer) => layer.tensors.map((tensor) => tensor.name)),
    [['blk.0.ffn_up_exps.weight']],
  )
})

test('mapPages keeps the second set of experts of a layer apart', () => {
  const pages = mapTensors({
    'blk.0.ffn_up_exps.weight': [4, 4, 6],
    'blk.0.ffn_up_chexps.weight': [4, 2, 3],
  })
  assert.deepEqual(
    pages.layers.map(({ layer, group, experts }) => ({ layer, group, experts })),
    [
      { layer: 0, group: '', experts: 6 },
      { layer: 0, group: 'ch', experts: 3 },
    ],
  )
})

test('mapPages orders layers by number', () => {
  const names = [10, 2, 0].map((layer) => [`blk.${layer}.ffn_up_exps.weight`, [4, 4, 2]])
  const pages = mapTensors(Object.fromEntries(names))
  assert.deepEqual(
    pages.layers.map((layer) => layer.layer),
    [0, 2, 10],
  )
})

test('mapPages finds no pages in a dense model', () => {
  const pages = mapTensors({ 'blk.0.ffn_up.weight': [4, 4] })
  assert.deepEqual(pages.layers, [])
  assert.equal(pages.trunkBytes, 64)
  assert.equal(pages.pageBytesMin, 0)
  assert.equal(pages.pageBytesMax, 0)
})

test('mapPages refuses a layer whose tensors disagree on the experts', () => {
  const shapes = { 'blk.0.ffn_up_exps.weight': [4, 4, 2], 'blk.0.ffn_down_exps.weight': [4, 4, 3] }
  assert.throws(() => mapTensors(shapes), { code: 'GGUF_INVALID', message: /3 experts.*2/ })
})

test('mapPages refuses an expert tensor of a wrong shape', () => {
  const shapes = { 'blk.0.ffn_up_exps.weight': [4, 4, 2, 2] }
  assert.throws(() => mapTensors(shapes), { code: 'GGUF_INVALID', message: /is no weight/ })
})

test('mapPages refuses models with one tensor per expert', () => {
  const shapes = { 'blk.0.ffn_up.3.weight': [4, 4] }
  assert.throws(() => mapTensors(shapes), { code: 'MODEL_UNSUPPORTED', message: /old form/ })
})

test('mapPages refuses a layer number that another could be mistaken for', () => {
  for (const layer of ['00', '01', '9'.repeat(20)]) {
    const shapes = { [`blk.${layer}.ffn_up_exps.weight`]: [4, 4, 2] }
    assert.throws(() => mapTensors(shapes), { code: 'GGUF_INVALID', message: /unusual/ })
  }
})

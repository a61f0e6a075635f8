import assert from 'node:assert/strict'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Metadata, TensorInfo } from '../../src/gguf/encode-header.js'
import { alignUp, encodeHeader } from '../../src/gguf/encode-header.js'
import { mapPages } from '../../src/gguf/pages.js'
import { openGguf } from '../../src/gguf/reader.js'
import { splitPath } from '../../src/gguf/split.js'
import { tensorBytes } from '../../src/gguf/types.js'
import { scratchDirectory } from '../support/scratch.js'

const SPLITS = 4
const LAYERS = 64
const EXPERTS = 384
const VOCABULARY = 250_000
const MEMORY_BYTES = 512 * 1024 * 1024
const GB = 1e9

const prefix = join(scratchDirectory(), 'huge')

/** A file that has all its length but, its data being a hole, next to none on the disk. */
function writeSparse(path: string, header: { metadata: Metadata; tensors: TensorInfo[] }): void {
  const bytes = encodeHeader(header.metadata, header.tensors)
  const data = header.tensors.map(({ type, shape }) => alignUp(tensorBytes(type, shape)))
  writeFileSync(path, bytes)
  truncateSync(
    path,
    data.reduce((sum, size) => sum + size, bytes.length),
  )
}

function expertTensors(layer: number): TensorInfo[] {
  return ['gate', 'up', 'down'].map((role) => ({
    name: `blk.${layer}.ffn_${role}_exps.weight`,
    type: 'q4_0',
    shape: [7168, 1408, EXPERTS],
  }))
}

function writeHugeModel(): string {
  const words = Array.from({ length: VOCABULARY }, (_, i) => `token number ${i}`)
  for (let index = 0; index < SPLITS; index++) {
    const first = (index * LAYERS) / SPLITS
    const layers = Array.from({ length: LAYERS / SPLITS }, (_, i) => first + i)
    const metadata: Metadata = {
      'general.architecture': { type: 'str', value: 'test' },
      'tokenizer.ggml.tokens': { type: 'array', of: 'str', value: index === 0 ? words : [] },
      'split.no': { type: 'u16', value: index },
      'split.count': { type: 'u16', value: SPLITS },
      'split.tensors.count': { type: 'i32', value: LAYERS * 3 },
    }
    const tensors = layers.flatMap(expertTensors)
    writeSparse(splitPath(prefix, { index, count: SPLITS }), { metadata, tensors })
  }
  return splitPath(prefix, { index: 0, count: SPLITS })
}

test('openGguf reads the headers of a model of hundreds of gigabytes in little memory', () => {
  const path = writeHugeModel()
  const before = process.memoryUsage().rss
  const model = openGguf(path)
  const pages = mapPages(model)
  assert.ok(process.memoryUsage().rss - before < MEMORY_BYTES)
  assert.ok(pages.expertBytes > 400 * GB)
  assert.equal(pages.pageCount, LAYERS * EXPERTS)
  assert.equal(model.arrayLength('tokenizer.ggml.tokens'), VOCABULARY)
  const last = model.tensors.get(`blk.${LAYERS - 1}.ffn_down_exps.weight`)
  assert.equal(last?.file, SPLITS - 1)
  assert.ok(last.offset > 50 * GB)
})

/** The model of the benchmarks: large enough that experts dominate, made once and kept. */

import { join } from 'node:path'
import { buildOnce, cacheDirectory } from '../src/base/cache.js'
import { EXPERT_TENSOR } from '../src/base/expert.js'
import { demoTokenizer } from '../src/gguf/demo-tokenizer.js'
import { describeQwen3Moe } from '../src/gguf/qwen3moe.js'
import { chooseType, RANDOM_MODEL_VERSION, writeRandomModel } from '../src/gguf/random-model.js'

const SHAPE = {
  name: 'sputnik reference',
  layers: 12,
  width: 1024,
  heads: 16,
  kvHeads: 4,
  headDim: 64,
  experts: 64,
  expertsUsed: 8,
  expertWidth: 512,
  vocabulary: 8192,
  contextLength: 4096,
} as const

/** Path of the reference model (0.7 GB, q4_0 experts, q8_0 trunk); writes it on first use. */
export function referenceModel(): string {
  const directory = join(cacheDirectory(), `reference-model-${RANDOM_MODEL_VERSION}`)
  buildOnce(directory, (draft) => writeReferenceModel(join(draft, 'model.gguf')))
  return join(directory, 'model.gguf')
}

function writeReferenceModel(path: string): void {
  const { metadata, tensors } = describeQwen3Moe(SHAPE)
  const typed = tensors.map((tensor) => ({
    ...tensor,
    type: chooseType(tensor, EXPERT_TENSOR.test(tensor.name) ? 'q4_0' : 'q8_0'),
  }))
  const all = { ...metadata, ...demoTokenizer(SHAPE.vocabulary) }
  writeRandomModel(path, { metadata: all, tensors: typed })
}

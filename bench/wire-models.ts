/**
 * Small models that differ only in the type of their experts: the same random numbers, rounded
 * differently. Small, because larger tensors are cut from pools that differ by type.
 */
import { join } from 'node:path'
import { buildOnce, cacheDirectory } from '../src/base/cache.js'
import { EXPERT_TENSOR } from '../src/base/expert.js'
import { demoTokenizer } from '../src/gguf/demo-tokenizer.js'
import type { WeightType } from '../src/gguf/quantize.js'
import { describeQwen3Moe } from '../src/gguf/qwen3moe.js'
import { chooseType, RANDOM_MODEL_VERSION, writeRandomModel } from '../src/gguf/random-model.js'

const SHAPE = {
  name: 'sputnik wire',
  layers: 6,
  width: 512,
  heads: 8,
  kvHeads: 2,
  headDim: 64,
  experts: 32,
  expertsUsed: 8,
  expertWidth: 256,
  vocabulary: 4096,
  contextLength: 2048,
} as const

export const WIRE_MODEL_TYPES = ['f32', 'f16', 'q8_0', 'q4_0'] as const

/** Path of the model whose experts have this type, everything else f32; made on first use. */
export function wireModel(type: WeightType): string {
  const directory = join(cacheDirectory(), `wire-model-${type}-${RANDOM_MODEL_VERSION}`)
  buildOnce(directory, (draft) => {
    const { metadata, tensors } = describeQwen3Moe(SHAPE)
    const typed = tensors.map((tensor) =>
      EXPERT_TENSOR.test(tensor.name) ? { ...tensor, type: chooseType(tensor, type) } : tensor,
    )
    const all = { ...metadata, ...demoTokenizer(SHAPE.vocabulary) }
    writeRandomModel(join(draft, 'model.gguf'), { metadata: all, tensors: typed })
  })
  return join(directory, 'model.gguf')
}

/** Models that single end-to-end tests need. */

import { join } from 'node:path'
import { demoTokenizer, demoVocabularySize } from '../../src/gguf/demo-tokenizer.js'
import { describeQwen3Moe, type Qwen3MoeShape } from '../../src/gguf/qwen3moe.js'
import { type RandomModelOptions, writeRandomModel } from '../../src/gguf/random-model.js'
import { scratchDirectory } from '../support/scratch.js'

const SMALL: Qwen3MoeShape = {
  name: 'test',
  layers: 3,
  width: 128,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  experts: 6,
  expertsUsed: 6,
  expertWidth: 128,
  vocabulary: demoVocabularySize(),
  contextLength: 4096,
}

/** A qwen3moe model with the tokenizer of the demo. */
export function qwenModel(
  shape: Partial<Qwen3MoeShape> = {},
  options: RandomModelOptions = {},
): string {
  const { metadata, tensors } = describeQwen3Moe({ ...SMALL, ...shape })
  const path = join(scratchDirectory(), 'model.gguf')
  return writeRandomModel(path, {
    metadata: { ...metadata, ...demoTokenizer() },
    tensors,
    ...options,
  })
}

/**
 * A model whose answers do not hang on the last bits, which change with the number of sequences in a
 * step: its weights are f32, and its router has no choice to make. `banned` are the ends of text.
 */
export function exactModel(): { readonly path: string; readonly banned: readonly number[] } {
  const size = demoVocabularySize()
  return { path: qwenModel(), banned: [size - 5, size - 3] }
}

/** The same without experts: a dense model. */
export function denseModel(): string {
  const { metadata, tensors } = describeQwen3Moe(SMALL)
  const renamed = Object.entries({ ...metadata, ...demoTokenizer() })
    .filter(([key]) => !key.includes('expert'))
    .map(([key, entry]) => [key.replace(/^qwen3moe/, 'qwen3'), entry])
  const path = join(scratchDirectory(), 'dense.gguf')
  return writeRandomModel(path, {
    metadata: {
      ...Object.fromEntries(renamed),
      'general.architecture': { type: 'str', value: 'qwen3' },
    },
    tensors: tensors
      .filter((tensor) => !tensor.name.includes('gate_inp'))
      .map((tensor) =>
        tensor.name.includes('_exps')
          ? { ...tensor, name: tensor.name.replace('_exps', ''), shape: tensor.shape.slice(0, 2) }
          : tensor,
      ),
  })
}

/** A model of a few megabytes with a real tokenizer and random weights, to try everything with. */

import { demoTokenizer, demoVocabularySize } from '../../src/gguf/demo-tokenizer.js'
import { describeQwen3Moe } from '../../src/gguf/qwen3moe.js'
import type { RandomModelOptions } from '../../src/gguf/random-model.js'
import { writeRandomModel } from '../../src/gguf/random-model.js'

/** Writes the model at `path`; returns the path to open. It answers with babble. */
export function writeDemoModel(path: string, options: RandomModelOptions = {}): string {
  const { metadata, tensors } = describeQwen3Moe({
    name: 'sputnik demo',
    layers: 4,
    width: 128,
    heads: 4,
    kvHeads: 2,
    headDim: 32,
    experts: 16,
    expertsUsed: 4,
    expertWidth: 128,
    vocabulary: demoVocabularySize(),
    contextLength: 4096,
  })
  const all = { ...metadata, ...demoTokenizer() }
  return writeRandomModel(path, { metadata: all, tensors, type: 'q8_0', ...options })
}

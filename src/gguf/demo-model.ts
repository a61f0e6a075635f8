/** A model of a few megabytes with a real tokenizer and random weights, to try everything with. */

import { join } from 'node:path'
import { buildOnce, cacheDirectory } from '../base/cache.js'
import { demoTokenizer, demoVocabularySize } from './demo-tokenizer.js'
import { describeQwen3Moe } from './qwen3moe.js'
import type { RandomModelOptions } from './random-model.js'
import { RANDOM_MODEL_VERSION, writeRandomModel } from './random-model.js'

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

/** Path of the demo model among the user's caches; makes it on first use. */
export function cachedDemoModel(): string {
  const directory = join(cacheDirectory(), `demo-model-${RANDOM_MODEL_VERSION}`)
  const name = 'sputnik-demo.gguf'
  buildOnce(directory, (draft) => writeDemoModel(join(draft, name)))
  return join(directory, name)
}

/**
 * A small model whose greedy text does not hang on the last bits, which change with the number of
 * sequences in a step: with weights in f32 (and a KV cache in f32) no two choices are that close.
 */
import { join } from 'node:path'
import { buildOnce, cacheDirectory } from '../src/base/cache.js'
import { demoTokenizer, demoVocabularySize } from '../src/gguf/demo-tokenizer.js'
import { describeQwen3Moe } from '../src/gguf/qwen3moe.js'
import { RANDOM_MODEL_VERSION, writeRandomModel } from '../src/gguf/random-model.js'

/** Options of `serve` under which that holds. */
export const STABLE = ['--flash-attn', 'off', '--kv-type', 'f32'] as const

/** Path of the model (42 MB); writes it on first use. */
export function killModel(): string {
  const directory = join(cacheDirectory(), `kill-model-${RANDOM_MODEL_VERSION}`)
  buildOnce(directory, (draft) => writeKillModel(join(draft, 'model.gguf')))
  return join(directory, 'model.gguf')
}

function writeKillModel(path: string): void {
  const { metadata, tensors } = describeQwen3Moe({
    name: 'sputnik to kill',
    layers: 6,
    width: 128,
    heads: 4,
    kvHeads: 2,
    headDim: 32,
    experts: 16,
    expertsUsed: 2,
    expertWidth: 256,
    vocabulary: demoVocabularySize(),
    contextLength: 4096,
  })
  writeRandomModel(path, { metadata: { ...metadata, ...demoTokenizer() }, tensors })
}

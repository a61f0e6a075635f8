/**
 * Small random models of many MoE architectures, generated once from `test/models/*.json` and shared
 * by all test processes through the folder for temporary files.
 */

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { defined } from '../../src/base/assert.js'
import { buildOnce } from '../../src/base/cache.js'
import type { MetadataEntry, TensorInfo } from '../../src/gguf/encode-header.js'
import type { ModelDescription, RandomModelOptions } from '../../src/gguf/random-model.js'
import { RANDOM_MODEL_VERSION, writeRandomModel } from '../../src/gguf/random-model.js'
import type { GgufScalar, ScalarType } from '../../src/gguf/types.js'

const MODELS_DIR = resolve('test/models')
const VOCABULARY = 128

/** A file of `test/models`: all tensors are f32, the tokenizer is the same for all. */
type CompactModel = {
  architecture: string
  layers: number
  /** By type (`u32`, or `f32[]` for arrays); a key with a leading dot is the architecture's own. */
  metadata: Record<string, Record<string, GgufScalar | GgufScalar[]>>
  /** Shapes in ggml order; `blk.*.` stands for all layers, `blk.1|2.` for those. */
  tensors: Record<string, number[]>
}

/** The architectures that have a test model. */
export const ARCHITECTURES: readonly string[] = readdirSync(MODELS_DIR)
  .filter((file) => file.endsWith('.json'))
  .map((file) => basename(file, '.json'))
  .sort()

/** Path of a generated model: 2 to 4 layers, 8 experts, top 3, vocabulary 128, no real tokenizer. */
export function testModel(architecture: string, options: RandomModelOptions = {}): string {
  return generated(describeModel(architecture), options)
}

/** A qwen3moe whose experts have rows of whole K-quant blocks in both directions. */
export function wideModel(options: RandomModelOptions = {}): string {
  const { metadata, tensors } = describeModel('qwen3moe')
  const widened = Object.entries(metadata).map(([key, entry]) =>
    key.endsWith('feed_forward_length') ? [key, { type: 'u32', value: WIDE }] : [key, entry],
  )
  const description = {
    metadata: Object.fromEntries(widened),
    tensors: tensors.map((tensor) => ({
      ...tensor,
      shape: tensor.shape.map((size) => (size === NARROW ? WIDE : size)),
    })),
  }
  return generated(description, options)
}

/** Width of the experts of the qwen3moe test model, and of the wide one. */
const NARROW = 384
const WIDE = 512

function generated(description: ModelDescription, options: RandomModelOptions): string {
  const key = JSON.stringify([RANDOM_MODEL_VERSION, description, options])
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 16)
  const directory = join(tmpdir(), `sputnik-test-models-${hash}`)
  generate(directory, { ...description, ...options })
  const file = readdirSync(directory).sort()[0]
  return join(directory, defined(file, `a model in ${directory}`))
}

/** Metadata and tensors of a test model, to be varied by a test. */
export function describeModel(architecture: string): ModelDescription {
  const text = readFileSync(join(MODELS_DIR, `${architecture}.json`), 'utf8')
  const compact = JSON.parse(text) as CompactModel
  return { metadata: expandMetadata(compact), tensors: expandTensors(compact) }
}

function generate(directory: string, model: ModelDescription & RandomModelOptions): void {
  const split = (model.splits ?? 1) > 1
  buildOnce(directory, (draft) => {
    writeRandomModel(join(draft, split ? 'model' : 'model.gguf'), model)
  })
}

function expandMetadata(model: CompactModel): Record<string, MetadataEntry> {
  const metadata: Record<string, MetadataEntry> = {
    'general.architecture': { type: 'str', value: model.architecture },
  }
  for (const [type, entries] of Object.entries(model.metadata)) {
    for (const [key, value] of Object.entries(entries)) {
      const name = key.startsWith('.') ? `${model.architecture}${key}` : key
      metadata[name] = expandEntry(type, value)
    }
  }
  return { ...metadata, ...testTokenizer() }
}

function expandEntry(type: string, value: GgufScalar | GgufScalar[]): MetadataEntry {
  if (!Array.isArray(value)) return { type: type as ScalarType, value }
  return { type: 'array', of: type.replace('[]', '') as ScalarType, value }
}

function testTokenizer(): Record<string, MetadataEntry> {
  const each = <T>(value: (i: number) => T): T[] =>
    Array.from({ length: VOCABULARY }, (_, i) => value(i))
  return {
    'tokenizer.ggml.model': { type: 'str', value: 'test' },
    'tokenizer.ggml.tokens': { type: 'array', of: 'str', value: each((i) => `tok_${i}`) },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', value: each(() => 1) },
    'tokenizer.ggml.scores': { type: 'array', of: 'f32', value: each(() => 0) },
    'tokenizer.ggml.merges': { type: 'array', of: 'str', value: [] },
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
    'tokenizer.ggml.add_eos_token': { type: 'bool', value: false },
    'tokenizer.ggml.add_space_prefix': { type: 'bool', value: false },
  }
}

function expandTensors({ layers, tensors }: CompactModel): TensorInfo[] {
  return Object.entries(tensors).flatMap(([pattern, shape]) =>
    expandNames(pattern, layers).map((name) => ({ name, type: 'f32' as const, shape })),
  )
}

function expandNames(pattern: string, layers: number): string[] {
  const parts = /^blk\.(?<layers>\*|[\d|]+)\.(?<rest>.*)$/.exec(pattern)?.groups
  if (parts === undefined) return [pattern]
  const all = Array.from({ length: layers }, (_, i) => String(i))
  const chosen = parts.layers === '*' ? all : (parts.layers ?? '').split('|')
  return chosen.map((layer) => `blk.${layer}.${parts.rest}`)
}

/** What the engine tells about its model once it is ready. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import type { GgufModel } from '../gguf/reader.js'
import { RELEASE } from '../native/release.js'
import type { EngineConfig, ModelInfo } from './protocol.js'
import type { Runtime } from './runtime.js'

export function modelInfo(runtime: Runtime, gguf: GgufModel, config: EngineConfig): ModelInfo {
  const { model, vocab } = runtime
  return {
    id: config.modelId ?? basename(config.modelPath).replace(/\.gguf$/, ''),
    architecture: gguf.architecture,
    description: model.description,
    chatTemplate: model.chatTemplate,
    bosText: vocab.textOf(vocab.bos),
    eosText: vocab.textOf(vocab.eos),
    vocabSize: vocab.size,
    hasVocab: vocab.isUsable,
    contextLength: runtime.contextLength,
    trainContextLength: model.trainContextLength,
    parallel: config.parallel,
    experts: modelNumber(gguf, 'expert_count'),
    expertsUsed: modelNumber(gguf, 'expert_used_count'),
    cards: config.cards,
    fingerprint: fingerprint(gguf, config),
  }
}

/** The largest, where a model states one number for each layer. */
function modelNumber(gguf: GgufModel, name: string): number {
  const key = `${gguf.architecture}.${name}`
  if (gguf.arrayLength(key) > 0) return Math.max(...(gguf.getNumbers(key) ?? [0]))
  return gguf.getNumber(key) ?? 0
}

/** Changes with the model's header and sizes, the library and what affects numbers. */
function fingerprint(gguf: GgufModel, config: EngineConfig): string {
  const hash = createHash('sha256')
  for (const file of gguf.files) {
    hash.update(readStart(file.path, file.dataOffset))
    hash.update(`${file.sizeBytes}\n`)
  }
  hash.update(`${RELEASE.packageVersion} ${config.kvType} ${config.wire} ${config.exact}`)
  return `fp_${hash.digest('hex').slice(0, 16)}`
}

function readStart(path: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const file = openSync(path, 'r')
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, length, 0))
  } finally {
    closeSync(file)
  }
}

/** What the benchmarks share: engines side by side in one process, interleaved rounds, medians. */
import type { EngineConfig } from '../src/engine/protocol.js'
import { openExperts } from '../src/engine/experts.js'
import { type Experts, Runtime } from '../src/engine/runtime.js'
import { openGguf } from '../src/gguf/reader.js'
import { loadLibraries } from '../src/native/library.js'
import { recordNativeLog } from '../src/native/native-log.js'

export type Subject = { readonly name: string; readonly runtime: Runtime; readonly experts?: Experts }

export function benchConfig(modelPath: string, changes: Partial<EngineConfig> = {}): EngineConfig {
  return {
    modelPath,
    cards: 0,
    threads: 1,
    cardThreads: 1,
    contextLength: 512,
    parallel: 1,
    batch: 512,
    kvType: 'f16',
    flashAttention: 'auto',
    wire: 'f32',
    backend: 'cpu',
    gpuLayers: -1,
    logLevel: 'warn',
    ...changes,
  }
}

/** Plain libllama, or the engine with its experts where the configuration puts them. */
export function openSubject(name: string, config: EngineConfig, isPlain = false): Subject {
  loadLibraries(config.backend)
  recordNativeLog()
  const gguf = openGguf(config.modelPath)
  const experts = isPlain ? undefined : openExperts(config, gguf, () => {})
  const runtime = Runtime.open({ config, gguf, experts })
  return experts === undefined ? { name, runtime } : { name, runtime, experts }
}

/** Tokens that are no special ones in any model we make. */
export function benchTokens(count: number, seed: number, vocabSize: number): number[] {
  return Array.from({ length: count }, (_, i) => (seed * 7919 + i * 104729) % vocabSize)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Seconds `run` takes. */
export function time(run: () => void): number {
  const start = performance.now()
  run()
  return (performance.now() - start) / 1000
}

/** One prompt from an empty cache. */
export function prefill({ runtime }: Subject, tokens: readonly number[]): void {
  runtime.context.clearMemory()
  runtime.batch.clear()
  tokens.forEach((token, position) => {
    runtime.batch.add(token, { position, sequence: 0, output: position === tokens.length - 1 })
  })
  runtime.decode()
  runtime.logits(0)
}

/** One token after another, each chosen greedily from the one before. */
export function decode({ runtime }: Subject, { from, count }: { from: number; count: number }): void {
  let token = 1
  for (let i = 0; i < count; i++) {
    runtime.batch.clear()
    runtime.batch.add(token, { position: from + i, sequence: 0, output: true })
    runtime.decode()
    token = largest(runtime.logits(0))
  }
}

function largest(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) {
    if ((logits[i] ?? 0) > (logits[best] ?? 0)) best = i
  }
  return best
}

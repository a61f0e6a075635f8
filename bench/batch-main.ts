/**
 * Bare libllama with many sequences in one batch, in a process of its own, as the bound of what a
 * server could reach. Each message from the parent is one round.
 */
import { assert } from '../src/base/assert.js'
import { largestIndex } from '../src/engine/logit-comparison.js'
import type { EngineConfig } from '../src/engine/protocol.js'
import type { Runtime } from '../src/engine/runtime.js'
import { openSubject } from '../src/engine/speed.js'
import { openGguf } from '../src/gguf/reader.js'
import { recordNativeLog } from '../src/native/native-log.js'
import { batchPrompt, now } from './support.js'

export type BatchStart = { readonly kind: 'open'; readonly config: EngineConfig }

export type BatchRound = {
  readonly kind: 'round'
  readonly round: number
  readonly sequences: number
  readonly prompt: number
  readonly generate: number
}

/** Milliseconds of the prompt and of the steps after it. */
export type BatchTimes = { readonly prefill: number; readonly decode: number }

let runtime: Runtime | undefined

process.on('message', (message: BatchStart | BatchRound) => {
  if (message.kind === 'open') {
    open(message.config)
    process.send?.('ready')
    return
  }
  assert(runtime !== undefined, 'a round comes after the model')
  process.send?.(runRound(runtime, message))
})
process.on('disconnect', () => process.exit())

function open(config: EngineConfig): void {
  recordNativeLog()
  const gguf = openGguf(config.modelPath)
  runtime = openSubject('plain', { config, gguf, isPlain: true }).runtime
}

function runRound(runtime: Runtime, plan: BatchRound): BatchTimes {
  const { prompt, generate, sequences } = plan
  runtime.context.clearMemory()
  const start = now()
  runtime.batch.clear()
  for (let sequence = 0; sequence < sequences; sequence++) {
    batchPrompt({ ...plan, sequence, vocabSize: runtime.vocab.size }).forEach((token, position) => {
      runtime.batch.add(token, { position, sequence, output: position === prompt - 1 })
    })
  }
  let next = decodeAll(runtime, sequences)
  const middle = now()
  for (let position = prompt; position < prompt + generate - 1; position++) {
    runtime.batch.clear()
    next.forEach((token, sequence) => {
      runtime.batch.add(token, { position, sequence, output: true })
    })
    next = decodeAll(runtime, sequences)
  }
  return { prefill: middle - start, decode: now() - middle }
}

function decodeAll(runtime: Runtime, sequences: number): number[] {
  runtime.decode()
  return Array.from({ length: sequences }, (_, row) => largestIndex(runtime.logits(row)))
}

/** Engines on small models in the test's own process, and the plain loop they are compared with. */
import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildOnce } from '../../src/base/cache.js'
import { Engine } from '../../src/engine/engine.js'
import type {
  EngineConfig,
  EngineEvent,
  FinishReason,
  Prompt,
  SamplingParams,
  TokenChoice,
  Usage,
} from '../../src/engine/protocol.js'
import { Runtime } from '../../src/engine/runtime.js'
import { openGguf } from '../../src/gguf/reader.js'
import { loadLibraries } from '../../src/native/library.js'
import { NativeBatch } from '../../src/native/llama-batch.js'
import { Context } from '../../src/native/llama-context.js'
import { Model } from '../../src/native/llama-model.js'
import { recordNativeLog } from '../../src/native/native-log.js'
import { writeDemoModel } from '../support/demo-model.js'

recordNativeLog()

export const GREEDY: SamplingParams = {
  maxTokens: 16,
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyLastN: -1,
  logitBias: [],
  stop: [],
  stopTokenIds: [],
  ignoreEos: false,
  minTokens: 0,
}

export function engineConfig(
  modelPath: string,
  overrides: Partial<EngineConfig> = {},
): EngineConfig {
  return {
    modelPath,
    cards: 0,
    // Two would wait for one another on a machine that runs other tests beside this one.
    threads: 1,
    cardThreads: 1,
    contextLength: 256,
    parallel: 4,
    batch: 64,
    kvType: 'f16',
    flashAttention: 'auto',
    wire: 'f32',
    exact: false,
    backend: 'cpu',
    gpuLayers: 0,
    logLevel: 'error',
    ...overrides,
  }
}

/** A small model with a real tokenizer (byte-level BPE). */
export function textModel(): string {
  const directory = join(tmpdir(), 'sputnik-test-text-model-1')
  buildOnce(directory, (draft) => writeDemoModel(join(draft, 'model.gguf')))
  return join(directory, 'model.gguf')
}

export type Answer = {
  text: string
  readonly tokens: number[]
  readonly choices: TokenChoice[]
  readonly promptChoices: TokenChoice[]
  readonly promptTexts: string[]
  cachedTokens: number
  reason?: FinishReason
  usage?: Usage
  error?: string
}

export type TestEngine = {
  readonly engine: Engine
  readonly runtime: Runtime
  readonly answers: Map<number, Answer>
  readonly events: EngineEvent[]
  submit(prompt: Prompt | readonly number[], params?: Partial<SamplingParams>): number
  step(): EngineEvent[]
  /** Steps until nothing is left to do. */
  drain(): void
  /** One request from start to end. */
  ask(prompt: Prompt | readonly number[], params?: Partial<SamplingParams>): Answer
  close(): void
}

export function openEngine(modelPath: string, overrides: Partial<EngineConfig> = {}): TestEngine {
  const config = engineConfig(modelPath, overrides)
  const runtime = Runtime.open({ config, gguf: openGguf(modelPath) })
  const engine = new Engine({
    runtime,
    parallel: config.parallel,
    batch: config.batch,
    waitingMax: 8,
    now: () => performance.now() / 1000,
    drawSeed: () => 12345,
  })
  const answers = new Map<number, Answer>()
  const events: EngineEvent[] = []
  let lastId = 0
  const test: TestEngine = {
    engine,
    runtime,
    answers,
    events,
    submit(prompt, params = {}) {
      const id = ++lastId
      const asked: Prompt = Array.isArray(prompt) ? { tokens: prompt } : (prompt as Prompt)
      engine.submit(id, { prompt: asked, params: { ...GREEDY, ...params } })
      answers.set(id, {
        text: '',
        tokens: [],
        choices: [],
        promptChoices: [],
        promptTexts: [],
        cachedTokens: 0,
      })
      return id
    },
    step() {
      const stepEvents = engine.step()
      for (const event of stepEvents) record(answers, event)
      events.push(...stepEvents)
      return stepEvents
    },
    drain() {
      while (engine.hasWork) test.step()
    },
    ask(prompt, params) {
      const id = test.submit(prompt, params)
      test.drain()
      return answers.get(id) as Answer
    },
    close() {
      engine.close()
      runtime.free()
    },
  }
  return test
}

function record(answers: Map<number, Answer>, event: EngineEvent): void {
  if (event.kind === 'step') {
    for (const output of event.outputs) {
      const answer = answers.get(output.id)
      if (answer === undefined) continue
      answer.text += output.text
      answer.tokens.push(...output.tokens)
      answer.choices.push(...(output.choices ?? []))
    }
    return
  }
  if (!('id' in event)) return
  const answer = answers.get(event.id)
  if (answer === undefined) return
  if (event.kind === 'started') answer.cachedTokens = event.cachedTokens
  if (event.kind === 'error') answer.error = event.error.code
  if (event.kind === 'prompt-logprobs') {
    answer.promptChoices.push(...event.tokens)
    answer.promptTexts.push(...event.texts)
  }
  if (event.kind === 'finished') {
    answer.reason = event.reason
    answer.usage = event.usage
  }
}

/** The whole prompt in one decode, then token after token: libllama and nothing else. */
export function plainGreedy(
  modelPath: string,
  options: {
    readonly prompt: readonly number[]
    readonly count: number
    /** Tokens that are never chosen. */
    readonly banned?: readonly number[]
  },
): { readonly tokens: number[]; readonly logits: Float32Array[] } {
  loadLibraries('cpu')
  const model = Model.load(openGguf(modelPath).files.map((file) => file.path))
  const context = Context.create(model, {
    contextLength: 512,
    batch: 512,
    microBatch: 512,
    sequences: 1,
    threads: 1,
    flashAttention: 'auto',
    kvUnified: false,
  })
  const batch = new NativeBatch(512)
  const tokens: number[] = []
  const logits: Float32Array[] = []
  let next: readonly number[] = options.prompt
  for (let position = 0; tokens.length < options.count; ) {
    batch.clear()
    for (const [i, token] of next.entries()) {
      batch.add(token, { position: position + i, sequence: 0, output: i === next.length - 1 })
    }
    if (context.decode(batch) !== 0) throw new Error('the plain loop cannot decode')
    position += next.length
    const row = context.logits(1).slice(0, model.vocab.size)
    for (const token of options.banned ?? []) row[token] = -Infinity
    logits.push(row)
    const best = argmax(row)
    tokens.push(best)
    next = [best]
  }
  context.free()
  model.free()
  return { tokens, logits }
}

export type Reference = ReturnType<typeof plainGreedy>

/**
 * Graphs of other sizes add in another order, so two tokens that are as good as equally likely may
 * change places; anything else is an error.
 */
export function assertSameAnswer(
  tokens: readonly number[],
  reference: Reference,
  { gapMax = 2e-3 } = {},
): void {
  const at = reference.tokens.findIndex((token, i) => token !== tokens[i])
  if (at < 0) {
    assert.equal(tokens.length, reference.tokens.length)
    return
  }
  const logits = reference.logits[at] ?? new Float32Array(0)
  const gap = (logits[reference.tokens[at] ?? 0] ?? 0) - (logits[tokens[at] ?? 0] ?? -Infinity)
  const context = `token ${at} is ${tokens[at]} instead of ${reference.tokens[at]}`
  assert.ok(gap < gapMax, `${context}, ${gap} less likely`)
}

export function argmax(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) {
    if ((values[i] ?? 0) > (values[best] ?? 0)) best = i
  }
  return best
}

/** Token ids that differ from one `seed` to the next. */
export function promptOf(length: number, seed = 0): number[] {
  return Array.from({ length }, (_, i) => (i * 31 + seed * 17 + 5) % 120)
}

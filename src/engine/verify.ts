/**
 * Runs the same tokens through plain libllama, the local domain and the cards, and compares the
 * logits. Uses token ids only, so it needs no tokenizer.
 */
import { SputnikError } from '../base/errors.js'
import type { GgufModel } from '../gguf/reader.js'
import { loadLibraries } from '../native/library.js'
import { NativeBatch } from '../native/llama-batch.js'
import { Context, DECODE } from '../native/llama-context.js'
import type { Model } from '../native/llama-model.js'
import { nativeError } from '../native/native-log.js'
import { createThreadpool, freeThreadpool } from '../native/threadpool.js'
import { openExperts } from './experts.js'
import { fixedToken } from './fixed-tokens.js'
import { type Comparison, compareRows, largestIndex } from './logit-comparison.js'
import type { EngineConfig } from './protocol.js'
import { type Experts, loadModel } from './runtime.js'

export const PATHS = ['plain', 'local', 'cards'] as const
export type Path = (typeof PATHS)[number]

export const PHASES = ['prefill', 'decode', 'batch prefill', 'batch decode'] as const
export type Phase = (typeof PHASES)[number]

export type PhaseResult = Comparison & {
  readonly path: Path
  readonly phase: Phase
  readonly sequences: number
  readonly tolerance: number
  readonly isWithin: boolean
}

export type Verification = {
  readonly model: string
  readonly architecture: string
  readonly cards: number
  readonly wire: EngineConfig['wire']
  readonly exact: boolean
  readonly tokens: number
  readonly results: readonly PhaseResult[]
  readonly isWithin: boolean
}

export type VerifyRequest = {
  readonly config: EngineConfig
  /** Length of the prompt and of the greedy continuation. */
  readonly tokens: number
}

export type VerifyOptions = VerifyRequest & {
  readonly gguf: GgufModel
  readonly onProgress: (what: string) => void
}

/** Sequences of the batched phases; their prompts differ in length. */
const SEQUENCES = 3

/** Rows of logits per phase: the tokens to feed were chosen by the reference. */
type Trace = { readonly rows: Map<Phase, Float32Array[]>; readonly continuation: number[][] }

/** @throws SputnikError from loading, or NATIVE_FAILED */
export function verify(options: VerifyOptions): Verification {
  const { config, gguf, tokens } = options
  loadLibraries(config.backend)
  const reference = runPath('plain', options, undefined)
  const paths: Path[] = config.cards > 0 ? ['local', 'cards'] : ['local']
  const results = paths.flatMap((path) => comparePath(path, options, reference))
  return {
    model: gguf.path,
    architecture: gguf.architecture,
    cards: config.cards,
    wire: config.wire,
    exact: config.exact,
    tokens,
    results,
    isWithin: results.every((result) => result.isWithin),
  }
}

function comparePath(path: Path, options: VerifyOptions, reference: Trace): PhaseResult[] {
  const trace = runPath(path, options, reference)
  const tolerance = path === 'local' ? 0 : toleranceOf(options)
  return PHASES.map((phase) => {
    const rows = reference.rows.get(phase) ?? []
    const comparison = compareRows(rows, trace.rows.get(phase) ?? [])
    const isWithin =
      tolerance === 0
        ? comparison.isIdentical
        : comparison.normalisedError <= tolerance && comparison.agreement >= AGREEMENT_MIN
    const sequences = phase.startsWith('batch') ? SEQUENCES : 1
    return { path, phase, sequences, tolerance, isWithin, ...comparison }
  })
}

/** A near tie may fall the other way, but no more often than this. */
const AGREEMENT_MIN = 0.95

/**
 * Normalised mean-square error that cards may have: none when rows are added in the router's order.
 * With full precision on the wire only the order
 * of sums differs; quantised weights round activations, so a last bit may move a whole step.
 */
function toleranceOf({ config, gguf }: VerifyOptions): number {
  if (config.wire === 'f32' && config.exact) return 0
  if (config.wire === 'bf16') return 1e-3
  if (config.wire === 'q8_0') return 5e-3
  const exact = new Set(['f32', 'f16', 'bf16', 'f64', 'i32'])
  const isExact = [...gguf.tensors.values()].every((tensor) => exact.has(tensor.type))
  return isExact ? 1e-6 : 1e-3
}

function runPath(path: Path, options: VerifyOptions, reference: Trace | undefined): Trace {
  options.onProgress(`${path}: load`)
  const runner = Runner.open(path, options)
  try {
    const rows = new Map<Phase, Float32Array[]>()
    const single = runner.run([options.tokens], reference?.continuation.slice(0, 1))
    options.onProgress(`${path}: one sequence done`)
    rows.set('prefill', single.prefill)
    rows.set('decode', single.decode)
    const lengths = Array.from({ length: SEQUENCES }, (_, i) =>
      Math.max(1, Math.floor(options.tokens / (i + 1))),
    )
    const several = runner.run(lengths, reference?.continuation.slice(1))
    options.onProgress(`${path}: ${SEQUENCES} sequences done`)
    rows.set('batch prefill', several.prefill)
    rows.set('batch decode', several.decode)
    return { rows, continuation: [...single.continuation, ...several.continuation] }
  } finally {
    runner.close()
  }
}

type Run = { prefill: Float32Array[]; decode: Float32Array[]; continuation: number[][] }

/** One way to compute, loaded. */
class Runner {
  readonly #model: Model
  readonly #context: Context
  readonly #batch: NativeBatch
  readonly #experts: Experts | undefined
  readonly #tokens: number
  readonly #close: () => void

  private constructor(parts: {
    model: Model
    context: Context
    experts: Experts | undefined
    tokens: number
    close: () => void
  }) {
    this.#model = parts.model
    this.#context = parts.context
    this.#experts = parts.experts
    this.#tokens = parts.tokens
    this.#close = parts.close
    this.#batch = new NativeBatch(SEQUENCES * parts.tokens)
  }

  static open(path: Path, { config, gguf, tokens }: VerifyOptions): Runner {
    const cards = path === 'cards' ? config.cards : 0
    const options = { captureLocal: true }
    const experts =
      path === 'plain' ? undefined : openExperts({ ...config, cards }, gguf, () => {}, options)
    const undo: Array<() => void> = experts === undefined ? [] : [() => experts.close()]
    const close = (): void => {
      for (const step of undo) step()
    }
    try {
      const model = loadModel({ config, gguf, experts })
      undo.unshift(() => model.free())
      const pool = createThreadpool(config.threads)
      undo.push(() => freeThreadpool(pool))
      experts?.shareThreads(pool, config.threads)
      const context = openContext(model, { config, tokens })
      undo.unshift(() => context.free())
      context.attachThreadpool(pool)
      experts?.afterContext(context.handle)
      return new Runner({ model, context, experts, tokens, close })
    } catch (error) {
      close()
      throw experts?.takeError() ?? error
    }
  }

  close(): void {
    this.#close()
  }

  /** Prefills sequences of these lengths together, then continues all of them greedily. */
  run(lengths: readonly number[], forced: readonly (readonly number[])[] | undefined): Run {
    if (this.#context.hasMemory) this.#context.clearMemory()
    const prefill = this.#prefill(lengths)
    const last = lastRows(prefill, lengths)
    const continuation = lengths.map((_, i) => [forced?.[i]?.[0] ?? largestIndex(last[i])])
    const decode: Float32Array[] = []
    for (let step = 0; step + 1 < this.#tokens; step++) {
      const rows = this.#step(lengths, { step, continuation })
      decode.push(...rows)
      rows.forEach((row, i) => {
        continuation[i]?.push(forced?.[i]?.[step + 1] ?? largestIndex(row))
      })
    }
    return { prefill, decode, continuation }
  }

  #prefill(lengths: readonly number[]): Float32Array[] {
    this.#batch.clear()
    const vocab = this.#model.vocab.size
    lengths.forEach((length, sequence) => {
      for (let position = 0; position < length; position++) {
        const token = fixedToken(sequence, position, vocab)
        this.#batch.add(token, { position, sequence, output: true })
      }
    })
    return this.#compute()
  }

  #step(
    lengths: readonly number[],
    { step, continuation }: { step: number; continuation: readonly (readonly number[])[] },
  ): Float32Array[] {
    this.#batch.clear()
    lengths.forEach((length, sequence) => {
      const token = continuation[sequence]?.[step] ?? 0
      this.#batch.add(token, { position: length + step, sequence, output: true })
    })
    return this.#compute()
  }

  #compute(): Float32Array[] {
    const status = this.#context.decode(this.#batch)
    if (status !== DECODE.done) {
      throw this.#experts?.takeError() ?? nativeError('NATIVE_FAILED', `decode failed (${status})`)
    }
    const count = this.#batch.outputCount
    const width = this.#model.vocab.size
    const all = this.#context.logits(count)
    return Array.from({ length: count }, (_, row) => all.slice(row * width, (row + 1) * width))
  }
}

function openContext(
  model: Model,
  { config, tokens }: { config: EngineConfig; tokens: number },
): Context {
  const batch = SEQUENCES * tokens
  return Context.create(model, {
    contextLength: SEQUENCES * Math.max(256, 2 * tokens),
    batch,
    microBatch: batch,
    sequences: SEQUENCES,
    threads: config.threads,
    flashAttention: config.flashAttention,
    // With a stream per sequence some kernels of the library give up on models with one head.
    kvUnified: true,
    outputsMax: batch,
  })
}

/** The row of each sequence's last prompt token. */
function lastRows(rows: readonly Float32Array[], lengths: readonly number[]): Float32Array[] {
  let end = 0
  return lengths.map((length) => {
    end += length
    const row = rows[end - 1]
    if (row === undefined) throw new SputnikError('INTERNAL', 'a prompt gave no logits')
    return row
  })
}

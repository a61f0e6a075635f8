/**
 * The model and its context in this process: load, decode a batch, logits, memory of sequences,
 * free. Knows nothing of requests; where experts run is behind `Experts`.
 */
import { freemem } from 'node:os'
import { SputnikError } from '../base/errors.js'
import type { GgufModel } from '../gguf/reader.js'
import { loadLibraries } from '../native/library.js'
import { NativeBatch } from '../native/llama-batch.js'
import { Context, DECODE } from '../native/llama-context.js'
import { type BufferOverride, Model } from '../native/llama-model.js'
import type { Pointer } from '../native/memory.js'
import { nativeError } from '../native/native-log.js'
import { createThreadpool, freeThreadpool } from '../native/threadpool.js'
import { checkFlashAttention, kvTypeId, parseKvType } from './kv-type.js'
import { chooseContextLength, kvCellBytes } from './memory-need.js'
import type { CardStats, EngineConfig, ExpertsView, FleetAction, FleetView } from './protocol.js'

export type LoadProgress = (stage: string, done: number, total: number) => void

/** Where the routed experts are computed when that is not plain libllama. */
export type Experts = {
  /** GPU devices for the model; undefined: the library's own choice. */
  readonly devices?: readonly Pointer[]
  /** Layers on GPU devices; undefined: as configured. */
  readonly gpuLayers?: number
  /** Buffer types of the expert tensors. */
  readonly overrides: readonly BufferOverride[]
  /** The threads of the context, before it is made: both compute in turn, never together. */
  shareThreads(pool: Pointer, threads: number): void
  /** False while some experts are nowhere, so that no step can be computed; true when left out. */
  readonly isWhole?: boolean
  /** Runs the load of the model, so that both can prepare and check. */
  aroundLoad<T>(load: () => T): T
  /** After the graphs were reserved; throws when a region is not understood. */
  afterContext(context: Pointer): void
  /** The reason of a failed decode, once. */
  takeError(): SputnikError | undefined
  stats(): {
    readonly regions: number
    readonly cards: readonly CardStats[]
    readonly fleet: FleetView | null
  }
  /** What people ask of a fleet. @throws SputnikError FLEET_OFF and the NODE_ ones */
  changeFleet?(action: FleetAction, node: string): void
  /** Null where no directory says who holds them. */
  experts?(): ExpertsView | null
  close(): void
}

export type RuntimeOptions = {
  readonly config: EngineConfig
  readonly gguf: GgufModel
  readonly experts?: Experts | undefined
  readonly onProgress?: ((done: number) => void) | undefined
  readonly freeBytes?: number | undefined
}

/** LLAMA_MAX_SEQ of src/llama-cparams.h. */
const SEQUENCES_MAX = 256

/** Most prompt positions of one step whose logits are kept: vocabulary x 4 bytes each. */
const OUTPUTS_MAX = 64

export class Runtime {
  readonly model: Model
  readonly context: Context
  readonly batch: NativeBatch
  /** Most positions of one sequence. */
  readonly contextLength: number
  /** Most tokens with logits in one batch. */
  readonly outputsMax: number
  readonly experts: Experts | undefined
  readonly #threadpool: Pointer

  private constructor(parts: {
    model: Model
    context: Context
    threadpool: Pointer
    contextLength: number
    options: RuntimeOptions
  }) {
    const { config, experts } = parts.options
    this.model = parts.model
    this.context = parts.context
    this.contextLength = parts.contextLength
    this.outputsMax = outputsMax(config)
    this.batch = new NativeBatch(config.batch)
    this.experts = experts
    this.#threadpool = parts.threadpool
  }

  /**
   * Loads the model and reserves its context.
   * @throws SputnikError from the libraries, the file, the experts, or OUT_OF_MEMORY, USAGE
   */
  static open(options: RuntimeOptions): Runtime {
    const { config, gguf, experts } = options
    checkSlots(config)
    const kvType = parseKvType(config.kvType)
    checkFlashAttention(kvType, config.flashAttention)
    loadLibraries(config.backend)
    const undo: Array<() => void> = []
    try {
      const model = loadModel(options)
      undo.unshift(() => model.free())
      const contextLength = chooseContextLength(kvCellBytes(gguf, kvType), {
        contextLength: config.contextLength,
        parallel: config.parallel,
        trainContextLength: model.trainContextLength,
        kvType,
        freeBytes: options.freeBytes ?? freemem(),
      })
      const threadpool = createThreadpool(config.threads)
      undo.push(() => freeThreadpool(threadpool))
      experts?.shareThreads(threadpool, config.threads)
      const context = createContext(model, { ...options, contextLength })
      undo.unshift(() => context.free())
      context.attachThreadpool(threadpool)
      experts?.afterContext(context.handle)
      const runtime = new Runtime({ model, context, threadpool, contextLength, options })
      if (experts !== undefined && experts.isWhole !== false) runtime.#warmUp()
      return runtime
    } catch (error) {
      for (const step of undo) step()
      throw experts?.takeError() ?? error
    }
  }

  get vocab(): Model['vocab'] {
    return this.model.vocab
  }

  /** Computes `batch`; @throws SputnikError NATIVE_FAILED or the experts' own error. */
  decode(): void {
    const status = this.context.decode(this.batch)
    if (status === DECODE.done) return
    throw (
      this.experts?.takeError() ??
      nativeError('NATIVE_FAILED', `the step could not be computed (status ${status})`)
    )
  }

  /** One step at load, so that whatever the experts cannot do shows now and not in a request. */
  #warmUp(): void {
    this.batch.clear()
    this.batch.add(0, { position: 0, sequence: 0, output: true })
    this.decode()
    this.batch.clear()
    if (this.context.hasMemory) this.context.clearMemory()
  }

  /** Logits of one output row of the last decode; valid until the next decode. */
  logits(row: number): Float32Array {
    const width = this.vocab.size
    const all = this.context.logits(this.batch.outputCount)
    return all.subarray(row * width, (row + 1) * width)
  }

  free(): void {
    this.context.free()
    this.model.free()
    freeThreadpool(this.#threadpool)
    this.experts?.close()
  }
}

function checkSlots({ parallel, batch }: EngineConfig): void {
  if (parallel < 1 || parallel > SEQUENCES_MAX) {
    throw new SputnikError('USAGE', `--parallel ${parallel} is not from 1 to ${SEQUENCES_MAX}`)
  }
  if (batch < parallel) {
    throw new SputnikError('USAGE', `--batch ${batch} is less than --parallel ${parallel}`)
  }
}

function outputsMax(config: EngineConfig): number {
  return Math.max(config.parallel, Math.min(OUTPUTS_MAX, config.batch))
}

/** Loads the model with its experts where `experts` puts them. @throws SputnikError */
export function loadModel(options: RuntimeOptions): Model {
  const { config, gguf, experts, onProgress } = options
  const load = (): Model =>
    Model.load(
      gguf.files.map((file) => file.path),
      {
        devices: experts?.devices,
        overrides: experts?.overrides,
        gpuLayers: experts?.gpuLayers ?? config.gpuLayers,
        onProgress: (done) => {
          onProgress?.(done)
          return true
        },
      },
    )
  return experts === undefined ? load() : experts.aroundLoad(load)
}

function createContext(model: Model, options: RuntimeOptions & { contextLength: number }): Context {
  const { config, contextLength } = options
  const type = kvTypeId(parseKvType(config.kvType))
  return Context.create(model, {
    contextLength: contextLength * config.parallel,
    batch: config.batch,
    microBatch: config.batch,
    sequences: config.parallel,
    threads: config.threads,
    flashAttention: config.flashAttention,
    typeK: type,
    typeV: type,
    kvUnified: needsUnifiedCache(options.gguf),
    outputsMax: outputsMax(config),
  })
}

/**
 * One stream per sequence is faster, but latent attention with a single head then multiplies in
 * four dimensions, which the repacked kernels refuse with an abort (ggml-cpu/repack.cpp).
 */
function needsUnifiedCache(gguf: GgufModel): boolean {
  const heads = gguf.getModelNumbers('attention.head_count')
  return heads.includes(1) && gguf.getModelNumber('attention.kv_lora_rank') !== undefined
}

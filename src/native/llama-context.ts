/**
 * A context of a model: KV cache, decode, logits. Knows nothing of requests; the caller says which
 * token goes to which position of which sequence.
 */
import { assert } from '../base/assert.js'
import type { ErrorCode } from '../base/errors.js'
import { llama } from './llama.js'
import type { NativeBatch } from './llama-batch.js'
import type { Model } from './llama-model.js'
import type { ContextParams } from './llama-structs.js'
import { type Pointer, viewNative } from './memory.js'
import { clearNativeLog, lastNativeError, nativeError } from './native-log.js'

export type ContextOptions = {
  /** Cells of the KV cache, all sequences together. */
  readonly contextLength: number
  /** Most tokens of one decode. */
  readonly batch: number
  /** Most tokens of one graph. */
  readonly microBatch: number
  readonly sequences: number
  readonly threads: number
  readonly batchThreads?: number | undefined
  readonly flashAttention: 'auto' | 'on' | 'off'
  /** ggml type numbers of the KV cache; f16 by default. */
  readonly typeK?: number | undefined
  readonly typeV?: number | undefined
  /** One cache for all sequences instead of one stream for each. */
  readonly kvUnified: boolean
  /** Let devices compute ops whose weights lie in host memory. */
  readonly opOffload?: boolean | undefined
  /** Keep the KV cache and attention on the device of the layer. */
  readonly offloadKqv?: boolean | undefined
  /** Keep all positions of sliding-window layers, so that a tail can be removed. */
  readonly swaFull?: boolean | undefined
  /** Most tokens with logits in one graph; 0 is `batch`. */
  readonly outputsMax?: number | undefined
}

const FLASH_ATTENTION = { auto: -1, off: 0, on: 1 } as const

/** What `llama_decode` answers (llama.h). */
export const DECODE = { done: 0, noSlot: 1, aborted: 2, invalid: -1 } as const

export class Context {
  readonly handle: Pointer
  /** Cells of the KV cache as the library rounded them. */
  readonly contextLength: number
  /** Most positions of one sequence. */
  readonly sequenceLength: number
  readonly #vocabSize: number
  readonly #memory: Pointer | null
  #logitsAddress: Pointer = 0n
  #logits = new Float32Array(0)
  #isOpen = true

  private constructor(handle: Pointer, vocabSize: number) {
    const native = llama()
    this.handle = handle
    this.contextLength = native.contextLength(handle)
    this.sequenceLength = native.contextLengthPerSequence(handle)
    this.#memory = native.contextMemory(handle)
    this.#vocabSize = vocabSize
  }

  /** @throws SputnikError OUT_OF_MEMORY, NATIVE_FAILED */
  static create(model: Model, options: ContextOptions): Context {
    clearNativeLog()
    const handle = llama().contextInit(model.handle, contextParams(options))
    if (handle === null) throw nativeError(createErrorCode(), 'the context cannot be created')
    return new Context(handle, model.vocab.size)
  }

  /** Whether the model keeps anything of past tokens; encoders do not. */
  get hasMemory(): boolean {
    return this.#memory !== null
  }

  attachThreadpool(threadpool: Pointer): void {
    llama().attachThreadpool(this.handle, threadpool, threadpool)
  }

  /** Computes a batch; the answer is one of `DECODE` or a more negative number. */
  decode(batch: NativeBatch): number {
    clearNativeLog()
    return llama().decode(this.handle, batch.struct)
  }

  /**
   * Logits of all outputs of the last decode, [vocab, rows]; valid until the next decode. Waits
   * for the computation.
   */
  logits(rows: number): Float32Array {
    const address = llama().logits(this.handle)
    assert(address !== null, 'logits are read before a decode with outputs')
    const length = rows * this.#vocabSize
    if (address !== this.#logitsAddress || this.#logits.length < length) {
      this.#logits = floatsAt(address, length)
      this.#logitsAddress = address
    }
    return this.#logits
  }

  /** Forgets positions from `from` to before `to` (-1: the end); false when it cannot. */
  removePositions(sequence: number, from: number, to = -1): boolean {
    return llama().memoryRemove(this.#requireMemory(), sequence, from, to)
  }

  /** Gives positions of one sequence to another one, which must not have them. */
  copyPositions(source: number, target: number, range: { from: number; to: number }): void {
    llama().memoryCopy(this.#requireMemory(), source, target, range.from, range.to)
  }

  /** Smallest position kept of a sequence; -1 when it is empty. */
  firstPosition(sequence: number): number {
    return llama().memoryFirst(this.#requireMemory(), sequence)
  }

  /** Largest position kept of a sequence; -1 when it is empty. */
  lastPosition(sequence: number): number {
    return llama().memoryLast(this.#requireMemory(), sequence)
  }

  clearMemory(): void {
    llama().memoryClear(this.#requireMemory(), false)
  }

  free(): void {
    assert(this.#isOpen, 'a context is freed twice')
    this.#isOpen = false
    llama().contextFree(this.handle)
  }

  #requireMemory(): Pointer {
    assert(this.#memory !== null, 'the model has no memory of past tokens')
    return this.#memory
  }
}

function floatsAt(address: Pointer, length: number): Float32Array<ArrayBuffer> {
  const bytes = viewNative(address, length * 4)
  return new Float32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, length)
}

function contextParams(options: ContextOptions): ContextParams {
  const defaults = llama().defaults.context
  return {
    ...defaults,
    n_ctx: options.contextLength,
    n_batch: options.batch,
    n_ubatch: options.microBatch,
    n_seq_max: options.sequences,
    n_outputs_max: options.outputsMax ?? 0,
    n_threads: options.threads,
    n_threads_batch: options.batchThreads ?? options.threads,
    flash_attn_type: FLASH_ATTENTION[options.flashAttention],
    type_k: options.typeK ?? defaults.type_k,
    type_v: options.typeV ?? defaults.type_v,
    kv_unified: options.kvUnified,
    op_offload: options.opOffload ?? defaults.op_offload,
    offload_kqv: options.offloadKqv ?? defaults.offload_kqv,
    swa_full: options.swaFull ?? defaults.swa_full,
  }
}

function createErrorCode(): ErrorCode {
  return /allocate|out of memory/i.test(lastNativeError()) ? 'OUT_OF_MEMORY' : 'NATIVE_FAILED'
}

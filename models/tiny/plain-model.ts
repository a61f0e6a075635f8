/** A model in plain libllama, without cards: the logits of one window of tokens at a time. */

import { SputnikError } from '../../src/base/errors.js'
import { loadLibraries } from '../../src/native/library.js'
import { NativeBatch } from '../../src/native/llama-batch.js'
import { Context, DECODE } from '../../src/native/llama-context.js'
import { Model } from '../../src/native/llama-model.js'
import type { Vocab } from '../../src/native/llama-vocab.js'
import { nativeError } from '../../src/native/native-log.js'

/** enum ggml_type */
const KV_TYPE = { f32: 0, f16: 1 } as const

export type PlainModelOptions = {
  readonly threads: number
  /** Type of the KV cache; f16 as in use, f32 to compare with other programs. */
  readonly kvType: keyof typeof KV_TYPE
}

export class PlainModel {
  /** Most tokens of one window: what the model was trained for. */
  readonly window: number
  readonly #model: Model
  readonly #context: Context
  readonly #batch: NativeBatch

  /** @throws SputnikError from the libraries or the file */
  constructor(path: string, { threads, kvType }: PlainModelOptions) {
    loadLibraries('cpu')
    this.#model = Model.load([path])
    this.window = this.#model.trainContextLength
    this.#context = Context.create(this.#model, {
      contextLength: this.window,
      batch: this.window,
      microBatch: this.window,
      sequences: 1,
      threads,
      flashAttention: 'off',
      typeK: KV_TYPE[kvType],
      typeV: KV_TYPE[kvType],
      kvUnified: false,
    })
    this.#batch = new NativeBatch(this.window)
  }

  get vocab(): Vocab {
    return this.#model.vocab
  }

  /**
   * Logits after each token, [vocabulary, tokens], valid until the next call.
   * @throws SputnikError BAD_PARAM, NATIVE_FAILED
   */
  logits(tokens: ArrayLike<number>): Float32Array {
    if (tokens.length > this.window) {
      throw new SputnikError('BAD_PARAM', `${tokens.length} tokens do not fit ${this.window}`)
    }
    this.#context.clearMemory()
    this.#batch.clear()
    for (let position = 0; position < tokens.length; position++) {
      this.#batch.add(tokens[position] ?? 0, { position, sequence: 0, output: true })
    }
    const status = this.#context.decode(this.#batch)
    if (status !== DECODE.done) throw nativeError('NATIVE_FAILED', `decode failed (${status})`)
    return this.#context.logits(tokens.length).subarray(0, tokens.length * this.vocab.size)
  }

  free(): void {
    this.#context.free()
    this.#model.free()
  }
}

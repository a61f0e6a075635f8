/**
 * Samplers of libllama: chains that choose a token from logits, and grammars that forbid tokens.
 * Each belongs to one sequence and is freed by its owner.
 */
import { assert } from '../base/assert.js'
import { llama } from './llama.js'
import type { Context } from './llama-context.js'
import { STRUCT_BYTES } from './llama-structs.js'
import type { Vocab } from './llama-vocab.js'
import { allocateNative, type NativeBuffer, type Pointer } from './memory.js'

export type Penalties = {
  readonly lastN: number
  readonly repeat: number
  readonly frequency: number
  readonly presence: number
}

export type LogitBias = readonly [token: number, bias: number]

/** Samplers that are applied in the order in which they were added. */
export class SamplerChain {
  readonly #handle: Pointer
  #isOpen = true

  constructor() {
    this.#handle = llama().samplerChain({ no_perf: true })
  }

  addLogitBias(vocab: Vocab, biases: readonly LogitBias[]): void {
    const native = new DataView(new ArrayBuffer(biases.length * STRUCT_BYTES.logitBias))
    biases.forEach(([token, bias], index) => {
      native.setInt32(index * STRUCT_BYTES.logitBias, token, true)
      native.setFloat32(index * STRUCT_BYTES.logitBias + 4, bias, true)
    })
    const bytes = new Uint8Array(native.buffer)
    this.#add(llama().samplerLogitBias(vocab.size, biases.length, bytes))
  }

  addPenalties(vocab: Vocab, { lastN, repeat, frequency, presence }: Penalties): void {
    this.#add(llama().samplerPenalties(vocab.size, lastN, repeat, frequency, presence))
  }

  addTopK(k: number): void {
    this.#add(llama().samplerTopK(k))
  }

  addTopP(p: number): void {
    this.#add(llama().samplerTopP(p, 1))
  }

  addMinP(p: number): void {
    this.#add(llama().samplerMinP(p, 1))
  }

  addTemperature(temperature: number): void {
    this.#add(llama().samplerTemperature(temperature))
  }

  /** Ends the chain: the most likely token. */
  addGreedy(): void {
    this.#add(llama().samplerGreedy())
  }

  /** Ends the chain: a token drawn by probability; a 32-bit seed other than 0xFFFFFFFF. */
  addDistribution(seed: number): void {
    this.#add(llama().samplerDist(seed))
  }

  #add(sampler: Pointer): void {
    llama().samplerChainAdd(this.#handle, sampler)
  }

  /** Takes out the sampler added first. */
  removeFirst(): void {
    const removed = llama().samplerChainRemove(this.#handle, 0)
    assert(removed !== null, 'an empty chain')
    llama().samplerFree(removed)
  }

  /** Chooses from an output of the last decode, counted from the end: -1 is the last. */
  sample(context: Context, output: number): number {
    return llama().samplerSample(this.#handle, context.handle, output)
  }

  /** Marks the choice in `candidates` without counting it as generated. */
  apply(candidates: Candidates): void {
    llama().samplerApply(this.#handle, candidates.address)
  }

  /** Counts a token for the penalties. */
  accept(token: number): void {
    llama().samplerAccept(this.#handle, token)
  }

  free(): void {
    assert(this.#isOpen, 'a chain is freed twice')
    this.#isOpen = false
    llama().samplerFree(this.#handle)
  }
}

/** A grammar in GBNF and how far the text of a sequence has come in it. */
export class GrammarSampler {
  readonly #handle: Pointer

  private constructor(handle: Pointer) {
    this.#handle = handle
  }

  /** Undefined when the library refuses the text, which must begin with a rule named `root`. */
  static create(vocab: Vocab, text: string): GrammarSampler | undefined {
    const handle = llama().samplerGrammar(vocab.handle, text, 'root')
    return handle === null ? undefined : new GrammarSampler(handle)
  }

  /** Sets the logits of tokens that cannot follow to minus infinity. */
  apply(candidates: Candidates): void {
    llama().samplerApply(this.#handle, candidates.address)
  }

  /** Goes on behind a token, which must be one that `apply` left possible: else it aborts. */
  accept(token: number): void {
    llama().samplerAccept(this.#handle, token)
  }

  free(): void {
    llama().samplerFree(this.#handle)
  }
}

/** Offsets in struct llama_token_data_array: data, size, selected, sorted. */
const ARRAY = { data: 0, size: 8, selected: 16, sorted: 24, bytes: 32 } as const

/** A `llama_token_data_array` with room for a whole vocabulary. */
export class Candidates {
  readonly #array: NativeBuffer
  readonly #data: Pointer
  readonly #ids: Int32Array
  readonly #logits: Float32Array

  constructor(capacity: number) {
    this.#array = allocateNative(ARRAY.bytes)
    const data = allocateNative(capacity * STRUCT_BYTES.tokenData)
    this.#data = data.address
    this.#ids = new Int32Array(data.bytes.buffer, data.bytes.byteOffset, capacity * 3)
    this.#logits = new Float32Array(data.bytes.buffer, data.bytes.byteOffset, capacity * 3)
  }

  get address(): Pointer {
    return this.#array.address
  }

  /** All tokens with their logits. */
  fill(logits: Float32Array): void {
    for (let token = 0; token < logits.length; token++) {
      this.#ids[token * 3] = token
      this.#logits[token * 3 + 1] = logits[token] ?? 0
    }
    this.#reset(logits.length)
  }

  /** One token alone, to ask whether it is possible. */
  fillOne(token: number): void {
    this.#ids[0] = token
    this.#logits[1] = 1
    this.#reset(1)
  }

  #reset(size: number): void {
    const { view } = this.#array
    view.setBigUint64(ARRAY.data, this.#data, true)
    view.setBigUint64(ARRAY.size, BigInt(size), true)
    view.setBigInt64(ARRAY.selected, -1n, true)
    view.setUint8(ARRAY.sorted, 0)
  }

  /** Logit of the candidate at an index. */
  logitAt(index: number): number {
    return this.#logits[index * 3 + 1] ?? Number.NaN
  }

  /** The chosen token; undefined when there was none or it was forbidden. */
  selected(): number | undefined {
    const { view } = this.#array
    const index = Number(view.getBigInt64(ARRAY.selected, true))
    if (index < 0 || index >= Number(view.getBigUint64(ARRAY.size, true))) return undefined
    return this.logitAt(index) > -Infinity ? this.#ids[index * 3] : undefined
  }
}

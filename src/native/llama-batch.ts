/**
 * A batch of tokens in native memory, filled anew for each decode without allocation. Knows
 * nothing of scheduling: positions and sequence ids come from the caller.
 */
import { assert } from '../base/assert.js'
import type { BatchStruct } from './llama-structs.js'
import { allocateNative, type Pointer } from './memory.js'

export class NativeBatch {
  readonly capacity: number
  /** What `llama_decode` takes; its `n_tokens` follows the fill. */
  readonly struct: BatchStruct
  readonly #tokens: Int32Array
  readonly #positions: Int32Array
  readonly #sequences: Int32Array
  readonly #outputs: Int8Array
  #outputCount = 0

  constructor(capacity: number) {
    this.capacity = capacity
    const tokens = int32s(capacity)
    const positions = int32s(capacity)
    const counts = int32s(capacity)
    const sequences = int32s(capacity)
    const pointers = allocateNative(capacity * 8)
    const outputs = allocateNative(capacity)
    counts.array.fill(1)
    for (let i = 0; i < capacity; i++) {
      pointers.view.setBigUint64(i * 8, sequences.address + BigInt(i * 4), true)
    }
    this.#tokens = tokens.array
    this.#positions = positions.array
    this.#sequences = sequences.array
    this.#outputs = new Int8Array(outputs.bytes.buffer, outputs.bytes.byteOffset, capacity)
    this.struct = {
      n_tokens: 0,
      token: tokens.address,
      embd: null,
      pos: positions.address,
      n_seq_id: counts.address,
      seq_id: pointers.address,
      logits: outputs.address,
    }
  }

  get size(): number {
    return this.struct.n_tokens
  }

  /** Tokens that ask for logits; their rows are numbered from 0 in the order of `add`. */
  get outputCount(): number {
    return this.#outputCount
  }

  clear(): void {
    this.struct.n_tokens = 0
    this.#outputCount = 0
  }

  /** Adds one token; returns its logits row, or -1 when it asked for none. */
  add(token: number, place: { position: number; sequence: number; output: boolean }): number {
    const index = this.struct.n_tokens
    assert(index < this.capacity, `batch of more than ${this.capacity} tokens`)
    this.#tokens[index] = token
    this.#positions[index] = place.position
    this.#sequences[index] = place.sequence
    this.#outputs[index] = place.output ? 1 : 0
    this.struct.n_tokens = index + 1
    return place.output ? this.#outputCount++ : -1
  }
}

function int32s(length: number): { array: Int32Array; address: Pointer } {
  const { bytes, address } = allocateNative(length * 4)
  return { array: new Int32Array(bytes.buffer, bytes.byteOffset, length), address }
}

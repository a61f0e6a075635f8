/** The KV cache of a context as slots: one sequence id, and one stream, for each. */
import type { Context } from '../native/llama-context.js'
import type { Model } from '../native/llama-model.js'
import type { SlotMemory } from './scheduler.js'

/** Whether the model's memory can forget the end of a sequence. */
export function canTrim(model: Model): boolean {
  return !model.isRecurrent && !model.isHybrid
}

export class SlotCache implements SlotMemory {
  readonly #context: Context
  readonly #canTrim: boolean

  constructor(context: Context, model: Model) {
    this.#context = context
    this.#canTrim = canTrim(model)
  }

  trim(slot: number, length: number): boolean {
    return this.#context.removePositions(slot, length) && this.#holds(slot, length)
  }

  /** Streams are only copied whole, so the rest is removed behind it. */
  copy(source: number, target: number, length: number): boolean {
    this.clear(target)
    this.#context.copyPositions(source, target, { from: -1, to: -1 })
    if (this.#context.lastPosition(target) === length - 1) return this.#holds(target, length)
    return this.trim(target, length)
  }

  clear(slot: number): void {
    this.#context.removePositions(slot, -1)
  }

  /** A sliding window may have dropped the beginning; a recurrent state has only the last one. */
  #holds(slot: number, length: number): boolean {
    if (this.#context.lastPosition(slot) !== length - 1) return false
    return !this.#canTrim || this.#context.firstPosition(slot) === 0
  }
}

/**
 * Decides what each step computes: continuous batching, chunked prefill, admission in order of
 * arrival, reuse of what slots hold. A synchronous state machine; the KV cache is behind
 * `SlotMemory`, and what the tokens mean is unknown here.
 */
import { assert } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import { choosePlace, type Place, type Slot } from './prefix-cache.js'
import { Sequence, type SequenceOptions } from './sequence.js'

/** The KV cache of the slots. A method that answers false has left the slot in an unknown state. */
export type SlotMemory = {
  /** Keeps the first `length` tokens of a slot. */
  trim(slot: number, length: number): boolean
  /** Makes `target` hold the first `length` tokens of `source`. */
  copy(source: number, target: number, length: number): boolean
  clear(slot: number): void
}

export type SchedulerOptions = {
  readonly parallel: number
  /** Most tokens of a step. */
  readonly batch: number
  /** Most tokens of a sequence. */
  readonly contextLength: number
  /** Most sequences that wait. */
  readonly waitingMax: number
  /** Most tokens of a step with logits. */
  readonly outputsMax: number
  /** Whether the end of a slot can be forgotten. */
  readonly canTrim: boolean
  readonly memory: SlotMemory
}

/** Tokens `start` to before `start + count` of a sequence. */
export type BatchItem = {
  readonly sequence: Sequence
  readonly start: number
  readonly count: number
  /** Positions with logits: none, the last one, or all. */
  readonly outputs: 'none' | 'last' | 'all'
}

export type Batch = {
  /** Sequences that left the queue for this step. */
  readonly admitted: readonly Sequence[]
  /** In the order of their slots. */
  readonly items: readonly BatchItem[]
}

/** A copy moves a whole slot; below this many tokens, computing them is as fast. */
const COPY_TOKENS_MIN = 64

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #slots: Slot[]
  readonly #waiting: Sequence[] = []
  /** In order of admission. */
  readonly #running: Sequence[] = []
  #admissions = 0

  constructor(options: SchedulerOptions) {
    assert(options.parallel >= 1, `${options.parallel} slots`)
    assert(options.batch >= options.parallel, 'a step must have room for one token of each slot')
    assert(options.outputsMax >= options.parallel, 'a step must have logits for each slot')
    this.#options = options
    this.#slots = Array.from({ length: options.parallel }, (_, index) => ({
      index,
      tokens: [],
      sequence: undefined,
      lastUsed: 0,
    }))
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  get runningCount(): number {
    return this.#running.length
  }

  get hasWork(): boolean {
    return this.#running.length > 0 || this.#waiting.length > 0
  }

  /** Tokens in the KV cache, also of sequences that ended. */
  get cachedTokenCount(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.tokens.length, 0)
  }

  /** @throws SputnikError QUEUE_FULL, CONTEXT_TOO_LONG */
  add(options: SequenceOptions): Sequence {
    const { contextLength, waitingMax } = this.#options
    assert(options.prompt.length > 0, 'an empty prompt')
    const need = options.prompt.length + (options.maxTokens > 0 ? 1 : 0)
    if (need > contextLength) {
      throw new SputnikError(
        'CONTEXT_TOO_LONG',
        `the prompt has ${options.prompt.length} tokens, but the context has room for ${contextLength}`,
        { promptTokens: options.prompt.length, contextLength },
      )
    }
    if (this.#waiting.length >= waitingMax) {
      throw new SputnikError('QUEUE_FULL', `${waitingMax} requests are waiting already`)
    }
    const sequence = new Sequence(options)
    this.#waiting.push(sequence)
    return sequence
  }

  /** What the next step computes; empty when there is nothing to do. */
  schedule(): Batch {
    const admitted = this.#admit()
    const room = { tokens: this.#options.batch, outputs: this.#options.outputsMax }
    const items = [...this.#scheduleDecode(room), ...this.#schedulePrefill(room)]
    // libllama puts neighbouring streams into one graph only in rising order.
    items.sort((a, b) => a.sequence.slot - b.sequence.slot)
    return { admitted, items }
  }

  /** Records that an item was computed. */
  commit({ sequence, start, count }: BatchItem): void {
    const slot = this.#slotOf(sequence)
    assert(sequence.computed === start, 'an item is committed out of order')
    for (let i = start; i < start + count; i++) slot.tokens.push(sequence.tokens[i] ?? -1)
    sequence.computed = start + count
  }

  /** Adds a generated token; answers whether the sequence must end because of its length. */
  append(sequence: Sequence, token: number): boolean {
    assert(sequence.computed === sequence.tokens.length, 'a token before the last one is computed')
    sequence.tokens.push(token)
    return this.mustEnd(sequence)
  }

  /** Whether no further token may be generated. */
  mustEnd(sequence: Sequence): boolean {
    const { generated, maxTokens, tokens } = sequence
    return generated >= maxTokens || tokens.length >= this.#options.contextLength
  }

  /** Ends a sequence, waiting or running; its slot keeps what it holds for reuse. */
  finish(sequence: Sequence): void {
    if (remove(this.#waiting, sequence)) return
    assert(remove(this.#running, sequence), `sequence ${sequence.id} is not known`)
    this.#slotOf(sequence).sequence = undefined
  }

  /** Ends a sequence whose slot is in an unknown state. */
  discard(sequence: Sequence): void {
    const slot = this.#slotOf(sequence)
    this.finish(sequence)
    this.#clear(slot)
  }

  #admit(): Sequence[] {
    const admitted: Sequence[] = []
    for (;;) {
      const sequence = this.#waiting[0]
      if (sequence === undefined) return admitted
      const place = choosePlace(sequence.tokens, this.#slots, {
        canTrim: this.#options.canTrim,
        copyTokensMin: Math.max(COPY_TOKENS_MIN, this.#options.contextLength / 256),
      })
      if (place === undefined) return admitted
      this.#waiting.shift()
      this.#occupy(sequence, place)
      admitted.push(sequence)
    }
  }

  #occupy(sequence: Sequence, place: Place): void {
    const { slot } = place
    // Logits of cached positions are gone, so they have to be computed again.
    const wanted = sequence.wantsPromptLogits ? 0 : place.cachedTokens
    const cachedTokens = this.#takeOver(place, wanted) ? wanted : 0
    if (cachedTokens === 0) this.#clear(slot)
    assert(slot.tokens.length === cachedTokens, 'a slot does not hold what was taken over')
    slot.sequence = sequence
    slot.lastUsed = ++this.#admissions
    sequence.slot = slot.index
    sequence.cachedTokens = cachedTokens
    sequence.computed = cachedTokens
    this.#running.push(sequence)
  }

  #takeOver({ slot, source }: Place, length: number): boolean {
    if (length === 0) return false
    const { memory } = this.#options
    if (source === undefined) {
      const isWhole = length === slot.tokens.length
      if (!isWhole && !memory.trim(slot.index, length)) return false
      slot.tokens.length = length
      return true
    }
    if (!memory.copy(source.index, slot.index, length)) return false
    slot.tokens = source.tokens.slice(0, length)
    return true
  }

  #clear(slot: Slot): void {
    this.#options.memory.clear(slot.index)
    slot.tokens = []
  }

  #scheduleDecode(room: Room): BatchItem[] {
    const items: BatchItem[] = []
    for (const sequence of this.#running) {
      if (sequence.isPrefill) continue
      items.push({ sequence, start: sequence.computed, count: 1, outputs: 'last' })
      room.tokens--
      room.outputs--
    }
    return items
  }

  #schedulePrefill(room: Room): BatchItem[] {
    const items: BatchItem[] = []
    for (const sequence of this.#running) {
      if (!sequence.isPrefill) continue
      const item = prefillItem(sequence, room)
      if (item !== undefined) items.push(item)
    }
    return items
  }

  #slotOf(sequence: Sequence): Slot {
    const slot = this.#slots[sequence.slot]
    assert(slot?.sequence === sequence, `sequence ${sequence.id} has no slot`)
    return slot
  }
}

/** What a step has left to give. */
type Room = { tokens: number; outputs: number }

/** The next chunk of a prompt that fits, taken out of `room`. */
function prefillItem(sequence: Sequence, room: Room): BatchItem | undefined {
  const start = sequence.computed
  const left = sequence.promptLength - start
  const most = sequence.wantsPromptLogits ? Math.min(room.tokens, room.outputs) : room.tokens
  const count = Math.min(left, most)
  if (count <= 0) return undefined
  const outputs = sequence.wantsPromptLogits ? 'all' : count === left ? 'last' : 'none'
  const outputCount = outputs === 'all' ? count : outputs === 'last' ? 1 : 0
  if (outputCount > room.outputs) return undefined
  room.tokens -= count
  room.outputs -= outputCount
  return { sequence, start, count, outputs }
}

function remove<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item)
  if (index < 0) return false
  list.splice(index, 1)
  return true
}

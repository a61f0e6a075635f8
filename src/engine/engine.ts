/**
 * The engine: requests in, events out, one `step()` at a time: schedule, compute, sample. Knows
 * nothing of processes; clock and random seeds come from outside.
 */
import { assert } from '../base/assert.js'
import { SputnikError, toPlain } from '../base/errors.js'
import type { Model } from '../native/llama-model.js'
import { Candidates } from '../native/llama-sampler.js'
import { Generation } from './generation.js'
import { compileGrammar } from './grammar.js'
import type {
  EngineEvent,
  EngineStats,
  ExpertsView,
  FinishReason,
  FleetAction,
  Prompt,
  SamplingParams,
  StepOutput,
} from './protocol.js'
import type { Runtime } from './runtime.js'
import { type LogitsRow, TokenSampler } from './sampling.js'
import { type Batch, type BatchItem, Scheduler } from './scheduler.js'
import type { Sequence } from './sequence.js'
import { canTrim, SlotCache } from './slot-cache.js'

export type EngineOptions = {
  readonly runtime: Runtime
  readonly parallel: number
  /** Most tokens of a step. */
  readonly batch: number
  /** Most requests that wait. */
  readonly waitingMax: number
  /** Seconds on a clock that never goes back. */
  readonly now: () => number
  /** 32 random bits. */
  readonly drawSeed: () => number
}

/** A batch item with the row of its first output. */
type Computed = { readonly item: BatchItem; readonly firstRow: number }

export class Engine {
  readonly #options: EngineOptions
  readonly #runtime: Runtime
  readonly #scheduler: Scheduler
  readonly #generations = new Map<number, Generation>()
  readonly #candidates: () => Candidates
  readonly #memory: SlotCache
  #events: EngineEvent[] = []
  #outputs: StepOutput[] = []
  #steps = 0
  #promptTokens = 0
  #generatedTokens = 0
  #cachedTokens = 0

  /** @throws SputnikError MODEL_UNSUPPORTED */
  constructor(options: EngineOptions) {
    const { runtime } = options
    checkGenerates(runtime.model)
    this.#options = options
    this.#runtime = runtime
    this.#candidates = once(() => new Candidates(runtime.vocab.size))
    this.#memory = new SlotCache(runtime.context, runtime.model)
    this.#scheduler = new Scheduler({
      parallel: options.parallel,
      batch: options.batch,
      contextLength: runtime.contextLength,
      waitingMax: options.waitingMax,
      outputsMax: runtime.outputsMax,
      canTrim: canTrim(runtime.model),
      memory: this.#memory,
    })
  }

  get hasWork(): boolean {
    return this.#scheduler.hasWork
  }

  /**
   * Puts a request into the queue; its events come from `step`.
   * @throws SputnikError BAD_PARAM, BAD_GRAMMAR, CONTEXT_TOO_LONG, QUEUE_FULL
   */
  submit(id: number, request: { prompt: Prompt; params: SamplingParams }): void {
    assert(!this.#generations.has(id), `request ${id} is sent twice`)
    const { params } = request
    const prompt = this.#promptTokensOf(request.prompt)
    const sampler = this.#createSampler(prompt, params)
    let sequence: Sequence
    try {
      const wantsPromptLogits = params.promptLogprobs !== undefined
      sequence = this.#scheduler.add({ id, prompt, maxTokens: params.maxTokens, wantsPromptLogits })
    } catch (error) {
      sampler.free()
      throw error
    }
    const { vocab } = this.#runtime
    const submittedAt = this.#options.now()
    const generation = new Generation({ sequence, params, sampler, vocab, submittedAt })
    this.#generations.set(id, generation)
  }

  /** Ends a request without further events; unknown ids have ended already. */
  cancel(id: number): void {
    const generation = this.#generations.get(id)
    if (generation !== undefined) this.#release(generation)
  }

  /** One step over all sequences; answers what it produced, in order. */
  step(): EngineEvent[] {
    const batch = this.#scheduler.schedule()
    this.#announce(batch)
    if (batch.items.length > 0) this.#compute(batch)
    if (this.#outputs.length > 0) this.#insertOutputs()
    const events = this.#events
    this.#events = []
    return events
  }

  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): number[] {
    return [...this.#runtime.vocab.tokenize(text, options)]
  }

  /** @throws SputnikError BAD_PARAM */
  detokenize(tokens: readonly number[]): string {
    this.#checkTokens(tokens, 'tokens')
    return this.#runtime.vocab.detokenize(tokens)
  }

  stats(): EngineStats {
    const experts = this.#runtime.experts?.stats()
    return {
      waiting: this.#scheduler.waitingCount,
      running: this.#scheduler.runningCount,
      steps: this.#steps,
      promptTokens: this.#promptTokens,
      generatedTokens: this.#generatedTokens,
      cachedTokens: this.#cachedTokens,
      kvUsedTokens: this.#scheduler.cachedTokenCount,
      kvTotalTokens: this.#runtime.contextLength * this.#options.parallel,
      regions: experts?.regions ?? 0,
      cards: experts?.cards ?? [],
      fleet: experts?.fleet ?? null,
    }
  }

  /** @throws SputnikError FLEET_OFF and the NODE_ ones */
  changeFleet(action: FleetAction, node: string): void {
    const { experts } = this.#runtime
    if (experts?.changeFleet === undefined) throw noFleet()
    experts.changeFleet(action, node)
  }

  /** @throws SputnikError FLEET_OFF */
  experts(): ExpertsView {
    const view = this.#runtime.experts?.experts?.() ?? null
    if (view === null) throw noFleet()
    return view
  }

  /** Frees the samplers; the runtime is freed by its owner. */
  close(): void {
    for (const generation of [...this.#generations.values()]) this.#release(generation)
  }

  #promptTokensOf(prompt: Prompt): number[] {
    const { vocab } = this.#runtime
    if ('tokens' in prompt) {
      this.#checkTokens(prompt.tokens, 'prompt')
      return this.#notEmpty([...prompt.tokens])
    }
    return this.#notEmpty([...vocab.tokenize(prompt.text, prompt)])
  }

  /** An empty prompt begins with what the model begins texts with. */
  #notEmpty(tokens: number[]): number[] {
    if (tokens.length > 0) return tokens
    const { bos, isUsable } = this.#runtime.vocab
    if (isUsable && bos >= 0) return [bos]
    throw new SputnikError('BAD_PARAM', 'the prompt has no tokens', { param: 'prompt' })
  }

  #checkTokens(tokens: readonly number[], param: string): void {
    const { size } = this.#runtime.vocab
    const bad = tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= size)
    if (bad === undefined) return
    throw new SputnikError('BAD_PARAM', `${bad} is not one of the ${size} tokens`, { param })
  }

  #createSampler(prompt: readonly number[], params: SamplingParams): TokenSampler {
    const { vocab, contextLength } = this.#runtime
    const grammar = params.grammar === undefined ? undefined : compileGrammar(vocab, params.grammar)
    const seed = this.#options.drawSeed()
    const now = (): number => this.#options.now() * 1000
    return new TokenSampler({ vocab, params, seed, contextLength, prompt, grammar }, now)
  }

  #announce(batch: Batch): void {
    for (const sequence of batch.admitted) {
      const { id, promptLength, cachedTokens } = sequence
      this.#generationOf(sequence).admit(this.#options.now())
      this.#cachedTokens += cachedTokens
      this.#events.push({ kind: 'started', id, promptTokens: promptLength, cachedTokens })
    }
  }

  #compute({ items }: Batch): void {
    try {
      this.#computeItems(items)
    } catch (error) {
      if (this.#canGoOnApart(items, error)) for (const item of items) this.#computeAlone(item)
      else for (const { sequence } of items) this.#failStep(sequence, error)
    }
  }

  /** Experts that nobody holds are needed by some sequences only; the others go on. */
  #canGoOnApart(items: readonly BatchItem[], error: unknown): boolean {
    const isOfSome = error instanceof SputnikError && error.code === 'PAGES_LOST'
    return isOfSome && items.length > 1 && canTrim(this.#runtime.model)
  }

  #computeAlone(item: BatchItem): void {
    const { sequence, start } = item
    try {
      this.#memory.trim(sequence.slot, start)
      this.#computeItems([item])
    } catch (error) {
      this.#failStep(sequence, error)
    }
  }

  /** @throws SputnikError when the step cannot be computed */
  #computeItems(items: readonly BatchItem[]): void {
    const computed = this.#fill(items)
    this.#runtime.decode()
    this.#steps++
    for (const { item } of computed) this.#commit(item)
    for (const part of computed) {
      if (part.item.outputs !== 'none') this.#postprocess(part)
    }
  }

  #fill(items: readonly BatchItem[]): Computed[] {
    const native = this.#runtime.batch
    native.clear()
    return items.map((item) => {
      const firstRow = native.outputCount
      const end = item.start + item.count
      for (let position = item.start; position < end; position++) {
        const isLast = position === end - 1
        const output = item.outputs === 'all' || (item.outputs === 'last' && isLast)
        const token = item.sequence.tokens[position] ?? 0
        native.add(token, { position, sequence: item.sequence.slot, output })
      }
      return { item, firstRow }
    })
  }

  #commit(item: BatchItem): void {
    this.#scheduler.commit(item)
    const { id, computed, promptLength, isPrefill } = item.sequence
    if (item.start < promptLength) this.#promptTokens += item.count
    if (isPrefill) {
      this.#events.push({ kind: 'prefill', id, done: computed, total: promptLength })
    }
  }

  #postprocess({ item, firstRow }: Computed): void {
    const { sequence } = item
    const generation = this.#generationOf(sequence)
    if (item.outputs === 'all') this.#collectPrompt(generation, { item, firstRow })
    if (sequence.isPrefill) return
    if (sequence.wantsPromptLogits && item.outputs === 'all') this.#reportPrompt(generation)
    if (this.#scheduler.mustEnd(sequence)) {
      this.#finish(generation, 'length')
      return
    }
    const lastRow = item.outputs === 'all' ? firstRow + item.count - 1 : firstRow
    try {
      this.#sampleNext(generation, lastRow)
    } catch (error) {
      this.#events.push({ kind: 'error', id: sequence.id, error: toPlain(error) })
      this.#release(generation)
    }
  }

  /** Row i tells how likely the token behind it was. */
  #collectPrompt(generation: Generation, { item, firstRow }: Computed): void {
    for (let i = 0; i < item.count; i++) {
      const position = item.start + i + 1
      if (position >= item.sequence.promptLength) break
      const token = item.sequence.tokens[position] ?? 0
      generation.addPromptChoice(token, this.#runtime.logits(firstRow + i))
    }
  }

  #reportPrompt(generation: Generation): void {
    const { vocab } = this.#runtime
    const { id, tokens, promptLength } = generation.sequence
    const decoder = new TextDecoder()
    const texts = tokens
      .slice(0, promptLength)
      .map((token) => decoder.decode(vocab.pieceWithSpecial(token)))
    this.#events.push({ kind: 'prompt-logprobs', id, tokens: generation.promptChoices, texts })
  }

  #sampleNext(generation: Generation, row: number): void {
    const { sequence, sampler } = generation
    const token = sampler.sample(this.#logitsRow(row))
    if (token === undefined) {
      this.#finish(generation, 'stop')
      return
    }
    this.#generatedTokens++
    const logits = (): Float32Array => this.#runtime.logits(row)
    const isEnd = generation.take(token, { logits, now: this.#options.now() }) !== undefined
    const isFull = this.#scheduler.append(sequence, token)
    if (isEnd) this.#finish(generation, 'stop')
    else if (isFull) this.#finish(generation, 'length')
    else this.#collectOutput(generation)
  }

  #logitsRow(row: number): LogitsRow {
    return {
      context: this.#runtime.context,
      fromEnd: row - this.#runtime.batch.outputCount,
      logits: () => this.#runtime.logits(row),
      candidates: this.#candidates,
    }
  }

  #collectOutput(generation: Generation): void {
    const output = generation.takeOutput()
    if (output !== undefined) this.#outputs.push(output)
  }

  #finish(generation: Generation, reason: FinishReason): void {
    generation.finish()
    this.#collectOutput(generation)
    const usage = generation.usage(this.#options.now())
    this.#events.push({ kind: 'finished', id: generation.id, reason, usage })
    this.#release(generation)
  }

  /** All outputs of a step are one event, before the first request that it finished. */
  #insertOutputs(): void {
    const index = this.#events.findIndex((event) => event.kind === 'finished')
    const event: EngineEvent = { kind: 'step', outputs: this.#outputs }
    this.#events.splice(index < 0 ? this.#events.length : index, 0, event)
    this.#outputs = []
  }

  #failStep(sequence: Sequence, error: unknown): void {
    const generation = this.#generationOf(sequence)
    this.#events.push({ kind: 'error', id: sequence.id, error: toPlain(error) })
    this.#scheduler.discard(sequence)
    this.#forget(generation)
  }

  #release(generation: Generation): void {
    this.#scheduler.finish(generation.sequence)
    this.#forget(generation)
  }

  #forget(generation: Generation): void {
    this.#generations.delete(generation.id)
    generation.sampler.free()
  }

  #generationOf(sequence: Sequence): Generation {
    const generation = this.#generations.get(sequence.id)
    assert(generation !== undefined, `sequence ${sequence.id} has no request`)
    return generation
  }
}

/** Encoders, and models that fill in a text in no order, have no next token. */
function checkGenerates(model: Model): void {
  if (!model.isDiffusion && !model.hasEncoder && model.hasDecoder) return
  throw new SputnikError(
    'MODEL_UNSUPPORTED',
    `${model.description} does not generate text token by token`,
  )
}

function noFleet(): SputnikError {
  return new SputnikError('FLEET_OFF', 'the experts are not in a fleet')
}

function once<T>(create: () => T): () => T {
  let value: T | undefined
  return () => {
    value ??= create()
    return value
  }
}

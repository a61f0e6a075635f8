/**
 * Runs all sequences of one request (choices and prompts) through the engine, a bounded number
 * at a time, and gives back their places as they end. Knows nothing of HTTP.
 */
import { SputnikError } from '../base/errors.js'
import type {
  FinishReason,
  Prompt,
  SamplingParams,
  StepOutput,
  TokenChoice,
  Usage,
} from '../engine/protocol.js'
import type { Admission } from './admission.js'
import type { EngineClient, SequenceSink } from './engine-client.js'

export type SequenceRequest = { readonly prompt: Prompt; readonly params: SamplingParams }

export type PromptLogprobs = {
  readonly tokens: readonly TokenChoice[]
  readonly texts: readonly string[]
}

/** `index` is the place in the list of requests. `done` or `failed` is the last call. */
export type GroupSink = {
  readonly started: (index: number, promptTokens: number, cachedTokens: number) => void
  readonly prefill: (index: number, done: number, total: number) => void
  readonly promptLogprobs: (index: number, logprobs: PromptLogprobs) => void
  readonly output: (index: number, output: StepOutput) => void
  readonly finished: (index: number, reason: FinishReason, usage: Usage) => void
  readonly done: () => void
  readonly failed: (error: SputnikError) => void
}

/** What is measured of a sequence; times on the server's monotonic clock. */
export type SequenceMeter = {
  readonly firstToken: (ttftMs: number) => void
  readonly finished: (times: SequenceTimes, usage: Usage) => void
}
export type SequenceTimes = { readonly e2eMs: number; readonly decodeMs: number }

export type GroupOptions = {
  readonly engine: EngineClient
  readonly admission: Admission
  readonly meter: SequenceMeter
  /** Sequences of this request with the engine at the same time. */
  readonly width: number
}

export class SequenceGroup {
  readonly #requests: readonly SequenceRequest[]
  readonly #options: GroupOptions
  readonly #sink: GroupSink
  readonly #running = new Set<number>()
  readonly #startedMs = performance.now()
  #next = 0
  #places: number
  #isOver = false

  /** Takes its places at once: throws QUEUE_FULL, or the reason why the engine is not ready. */
  constructor(requests: readonly SequenceRequest[], options: GroupOptions, sink: GroupSink) {
    this.#requests = requests
    this.#options = options
    this.#sink = sink
    this.#places = Math.min(requests.length, options.width, options.admission.capacity)
    options.engine.assertReady()
    options.admission.acquire(this.#places)
  }

  start(): void {
    const width = this.#places
    for (let i = 0; i < width; i++) this.#startNext()
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Stops all sequences at once; the sink hears nothing more. False when it was over already. */
  cancel(): boolean {
    if (this.#isOver) return false
    this.#finishGroup()
    return true
  }

  #startNext(): void {
    const index = this.#next
    const request = this.#requests[index]
    if (request === undefined || this.#isOver) return
    this.#next++
    const { engine } = this.#options
    try {
      const id = engine.generate(
        request.prompt,
        request.params,
        this.#sinkOf(index, () => id),
      )
      this.#running.add(id)
    } catch (error) {
      if (!(error instanceof SputnikError)) throw error
      this.#fail(error)
    }
  }

  #sinkOf(index: number, idOf: () => number): SequenceSink {
    const sink = this.#sink
    let firstMs: number | undefined
    return {
      started: (promptTokens, cachedTokens) => sink.started(index, promptTokens, cachedTokens),
      prefill: (done, total) => sink.prefill(index, done, total),
      promptLogprobs: (tokens, texts) => sink.promptLogprobs(index, { tokens, texts }),
      output: (output) => {
        if (firstMs === undefined) {
          firstMs = performance.now()
          this.#options.meter.firstToken(firstMs - this.#startedMs)
        }
        sink.output(index, output)
      },
      finished: (reason, usage) => {
        const nowMs = performance.now()
        const times = { e2eMs: nowMs - this.#startedMs, decodeMs: nowMs - (firstMs ?? nowMs) }
        this.#options.meter.finished(times, usage)
        sink.finished(index, reason, usage)
        this.#endSequence(idOf())
      },
      failed: (error) => this.#fail(error),
    }
  }

  #endSequence(id: number): void {
    this.#running.delete(id)
    if (this.#isOver) return
    if (this.#next < this.#requests.length) {
      this.#startNext()
      return
    }
    if (this.#running.size > 0) {
      this.#releaseTo(this.#running.size)
      return
    }
    this.#finishGroup()
    this.#sink.done()
  }

  #fail(error: SputnikError): void {
    if (this.#isOver) return
    this.#finishGroup()
    this.#sink.failed(error)
  }

  #finishGroup(): void {
    this.#isOver = true
    for (const id of this.#running) this.#options.engine.cancel(id)
    this.#running.clear()
    this.#releaseTo(0)
  }

  #releaseTo(places: number): void {
    if (places >= this.#places) return
    this.#options.admission.release(this.#places - places)
    this.#places = places
  }
}

/**
 * Runs the sequences of one request and writes the answer, streamed or in one piece. Knows
 * nothing of what the chunks look like.
 */
import { randomBytes } from 'node:crypto'
import { SputnikError } from '../base/errors.js'
import type { AnswerHead, CollectFormat, StreamFormat } from './answer.js'
import type { Exchange } from './app.js'
import { errorBody, sendJson, toSputnikError } from './http-error.js'
import { EARLY_ERROR_MS } from './limits.js'
import { type GroupSink, SequenceGroup, type SequenceRequest } from './sequence-group.js'
import { SSE_DONE, SseStream, sseEvent } from './sse-stream.js'
import { UsageTotal } from './usage.js'

export type GenerateOptions = {
  readonly requests: readonly SequenceRequest[]
  /** Sequences with the engine at the same time. */
  readonly width: number
  readonly choicesPerPrompt: number
}

export type StreamOptions = GenerateOptions & {
  readonly format: StreamFormat
  readonly withProgress: boolean
}

export type CollectOptions = GenerateOptions & { readonly format: CollectFormat }

export function answerHead(exchange: Exchange, prefix: string): AnswerHead {
  const { model } = exchange.app.options.engine
  return {
    id: `${prefix}-${randomBytes(12).toString('hex')}`,
    created: Math.floor(Date.now() / 1000),
    model: exchange.app.modelId,
    fingerprint: model?.fingerprint ?? '',
  }
}

/** Resolves when the answer is out or the client is gone; rejects with an error to send. */
export function collect(exchange: Exchange, options: CollectOptions): Promise<void> {
  const { format } = options
  return new Promise((resolve, reject) => {
    const total = new UsageTotal(options.choicesPerPrompt)
    runGroup(exchange, options, resolve, {
      started: () => {},
      prefill: () => {},
      promptLogprobs: (index, logprobs) => format.promptLogprobs(index, logprobs),
      output: (index, output) => format.output(index, output),
      finished: (index, reason, usage) => {
        total.add(index, usage)
        format.finished(index, reason)
      },
      done: () => {
        sendJson(exchange.res, 200, format.body(total))
        resolve()
      },
      failed: reject,
    })
  })
}

/** As `collect`; errors after the first sign of life become a chunk of the stream. */
export function stream(exchange: Exchange, options: StreamOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const answer = new StreamedAnswer(exchange, options, { resolve, reject })
    runGroup(exchange, options, resolve, answer)
    answer.openSoon()
  })
}

/** Starts the sequences and stops them when the client goes away, which calls `gone`. */
function runGroup(
  exchange: Exchange,
  options: GenerateOptions,
  gone: () => void,
  sink: GroupSink,
): void {
  const { res, app } = exchange
  if (res.destroyed) throw new SputnikError('CANCELLED', 'the client went away')
  const { engine, admission, metrics } = app.options
  const groupOptions = { engine, admission, meter: metrics, width: options.width }
  const group = new SequenceGroup(options.requests, groupOptions, metered(exchange, sink))
  res.once('close', () => {
    if (!group.cancel()) return
    metrics.cancelled()
    gone()
  })
  group.start()
}

function metered(exchange: Exchange, sink: GroupSink): GroupSink {
  const { metrics } = exchange.app.options
  return {
    started: (index, promptTokens, cachedTokens) => {
      metrics.started(promptTokens, cachedTokens)
      sink.started(index, promptTokens, cachedTokens)
    },
    prefill: (index, done, total) => sink.prefill(index, done, total),
    promptLogprobs: (index, logprobs) => sink.promptLogprobs(index, logprobs),
    output: (index, output) => {
      metrics.tokens(output.tokens.length)
      sink.output(index, output)
    },
    finished: (index, reason, usage) => sink.finished(index, reason, usage),
    done: () => sink.done(),
    failed: (error) => sink.failed(error),
  }
}

type Settle = { readonly resolve: () => void; readonly reject: (error: SputnikError) => void }

class StreamedAnswer implements GroupSink {
  readonly #exchange: Exchange
  readonly #format: StreamFormat
  readonly #withProgress: boolean
  readonly #settle: Settle
  readonly #sse: SseStream
  readonly #total: UsageTotal
  readonly #startedMs = performance.now()
  #cachedTokens = 0
  #isOpen = false
  #isOver = false
  #openTimer: NodeJS.Timeout | undefined

  constructor(exchange: Exchange, options: StreamOptions, settle: Settle) {
    this.#exchange = exchange
    this.#format = options.format
    this.#withProgress = options.withProgress
    this.#settle = settle
    this.#sse = new SseStream(exchange.res, exchange.app.options.times)
    this.#total = new UsageTotal(options.choicesPerPrompt)
  }

  /** Waits a moment for an early error, which then still gets its own HTTP status. */
  openSoon(): void {
    const waitMs = this.#exchange.app.options.times.earlyErrorMs ?? EARLY_ERROR_MS
    if (!this.#isOpen && !this.#isOver) this.#openTimer = setTimeout(() => this.#open(), waitMs)
  }

  started(index: number, promptTokens: number, cachedTokens: number): void {
    this.#open()
    if (index === 0) this.#cachedTokens = cachedTokens
    this.prefill(index, cachedTokens, promptTokens)
  }

  prefill(index: number, done: number, total: number): void {
    if (!this.#withProgress || index !== 0) return
    const timeMs = Math.round(performance.now() - this.#startedMs)
    this.#write(
      this.#format.progress({
        total,
        cache: this.#cachedTokens,
        processed: done,
        time_ms: timeMs,
      }),
    )
  }

  promptLogprobs(...[index, logprobs]: Parameters<GroupSink['promptLogprobs']>): void {
    this.#write(this.#format.promptLogprobs(index, logprobs))
  }

  output(...[index, output]: Parameters<GroupSink['output']>): void {
    this.#write(this.#format.output(index, output))
  }

  finished(...[index, reason, usage]: Parameters<GroupSink['finished']>): void {
    this.#total.add(index, usage)
    this.#write(this.#format.finished(index, reason))
  }

  done(): void {
    this.#end(this.#format.end(this.#total) + SSE_DONE)
  }

  failed(error: SputnikError): void {
    const { app, requestId } = this.#exchange
    if (!this.#isOpen) {
      this.#finish()
      this.#settle.reject(error)
      return
    }
    app.options.log.warn('a stream failed', { requestId, code: error.code, reason: error.message })
    this.#end(sseEvent(JSON.stringify(errorBody(toSputnikError(error)))) + SSE_DONE)
  }

  #open(): void {
    if (this.#isOpen || this.#isOver) return
    clearTimeout(this.#openTimer)
    this.#isOpen = true
    if (!this.#exchange.res.destroyed) this.#sse.open()
  }

  #write(events: string): void {
    this.#open()
    this.#sse.write(events)
  }

  #end(events: string): void {
    this.#open()
    this.#finish()
    this.#sse.end(events)
    this.#settle.resolve()
  }

  #finish(): void {
    this.#isOver = true
    clearTimeout(this.#openTimer)
  }
}

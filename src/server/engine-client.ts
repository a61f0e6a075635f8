/**
 * The server's side of the engine: starts the engine process, keeps it alive, and carries
 * requests to it. Knows nothing of HTTP and nothing of libllama.
 */
import { type ErrorCode, fromPlain, SputnikError } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import {
  decideRestart,
  RESTART_LIMITS,
  type RestartLimits,
  type RestartState,
} from '../base/restart-policy.js'
import type {
  EngineCommand,
  EngineConfig,
  EngineEvent,
  EngineStats,
  ExpertsView,
  FinishReason,
  FleetAction,
  ModelInfo,
  Prompt,
  SamplingParams,
  StepOutput,
  TokenChoice,
  Usage,
} from '../engine/protocol.js'
import { type EngineProcess, forkEngine } from './engine-process.js'

export type EngineState = 'loading' | 'ready' | 'restarting' | 'failed' | 'stopping'

/** Where the events of one sequence go. After `finished` or `failed` nothing more comes. */
export type SequenceSink = {
  readonly started: (promptTokens: number, cachedTokens: number) => void
  readonly prefill: (done: number, total: number) => void
  readonly promptLogprobs: (tokens: readonly TokenChoice[], texts: readonly string[]) => void
  readonly output: (output: StepOutput) => void
  readonly finished: (reason: FinishReason, usage: Usage) => void
  readonly failed: (error: SputnikError) => void
}

export type LoadProgress = {
  readonly stage: string
  readonly done: number
  readonly total: number
}

export type EngineClientOptions = {
  readonly config: EngineConfig
  /** Script of the engine process. */
  readonly enginePath: string
  readonly log: Logger
  readonly onProgress?: (progress: LoadProgress) => void
  readonly onState?: (state: EngineState) => void
  readonly restartLimits?: RestartLimits
}

type Answer = { readonly value: unknown } | { readonly error: SputnikError }
type Call = (answer: Answer) => void

/** Tokenising, statistics: the engine answers them between two steps. */
const CALL_MS = 30_000
/** Loading ends by itself; this only frees us from an engine that hangs. */
const START_MS = 6 * 3_600_000
const STOP_MS = 10_000

export class EngineClient {
  readonly #options: EngineClientOptions
  readonly #log: Logger
  readonly #sinks = new Map<number, SequenceSink>()
  readonly #calls = new Map<number, Call>()
  #process: EngineProcess | undefined
  #state: EngineState = 'loading'
  #model: ModelInfo | undefined
  #nextId = 1
  #restart: RestartState = { quickLives: 0 }
  #readyAtMs: number | undefined
  #startTimer: NodeJS.Timeout | undefined
  #restartTimer: NodeJS.Timeout | undefined
  #failure: SputnikError | undefined
  #firstReady: ((answer: Answer) => void) | undefined
  #stopped: (() => void) | undefined

  constructor(options: EngineClientOptions) {
    this.#options = options
    this.#log = options.log.child('engine')
  }

  get state(): EngineState {
    return this.#state
  }

  /** The model of the last ready engine; undefined before the first one. */
  get model(): ModelInfo | undefined {
    return this.#model
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Resolves when the model is loaded; rejects with the engine's own error when it cannot be. */
  start(): Promise<ModelInfo> {
    return new Promise((resolve, reject) => {
      this.#firstReady = (answer) => {
        this.#firstReady = undefined
        if ('error' in answer) reject(answer.error)
        else resolve(answer.value as ModelInfo)
      }
      this.#spawn()
    })
  }

  /** Throws when the engine cannot take requests now. Returns the id for `cancel`. */
  generate(prompt: Prompt, params: SamplingParams, sink: SequenceSink): number {
    this.assertReady()
    const id = this.#nextId++
    this.#sinks.set(id, sink)
    this.#send({ kind: 'generate', id, prompt, params })
    return id
  }

  /** The sink of the sequence hears nothing more. */
  cancel(id: number): void {
    if (this.#sinks.delete(id)) this.#send({ kind: 'cancel', id })
  }

  tokenize(
    text: string,
    options: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
  ): Promise<readonly number[]> {
    return this.#call((id) => ({ kind: 'tokenize', id, text, ...options }))
  }

  detokenize(tokens: readonly number[]): Promise<string> {
    return this.#call((id) => ({ kind: 'detokenize', id, tokens }))
  }

  stats(): Promise<EngineStats> {
    return this.#call((id) => ({ kind: 'stats', id }))
  }

  /** Rejects with FLEET_OFF where no directory says who holds the experts. */
  experts(): Promise<ExpertsView> {
    return this.#call((id) => ({ kind: 'experts', id }))
  }

  /** Resolves once it is under way; rejects with FLEET_OFF or the NODE_ errors. */
  changeFleet(action: FleetAction, node: string): Promise<void> {
    return this.#call((id) => ({ kind: 'fleet-change', id, action, node }))
  }

  /** Throws the error a client should see while no engine is ready. */
  assertReady(): void {
    if (this.#state === 'ready') return
    throw notReady(this.#state)
  }

  /** Ends the engine process; resolves when it is gone. */
  stop(): Promise<void> {
    this.#setState('stopping')
    clearTimeout(this.#restartTimer)
    const running = this.#process
    if (running === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => running.kill(), STOP_MS)
      this.#stopped = () => {
        clearTimeout(timer)
        resolve()
      }
      running.send({ kind: 'shutdown' })
    })
  }

  /** Ends the engine process without waiting for anything. */
  kill(): void {
    this.#process?.kill()
  }

  #send(command: EngineCommand): void {
    this.#process?.send(command)
  }

  #setState(state: EngineState): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onState?.(state)
  }

  #call<T>(command: (id: number) => EngineCommand): Promise<T> {
    this.assertReady()
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const finish: Call = (answer) => {
        clearTimeout(timer)
        this.#calls.delete(id)
        if ('error' in answer) reject(answer.error)
        else resolve(answer.value as T)
      }
      const timer = setTimeout(() => {
        finish({ error: new SputnikError('ENGINE_LOST', 'the engine does not answer') })
      }, CALL_MS)
      this.#calls.set(id, finish)
      this.#send(command(id))
    })
  }

  #spawn(): void {
    this.#failure = undefined
    this.#readyAtMs = undefined
    const process = forkEngine(this.#options.enginePath, {
      onEvent: (event) => this.#receive(event),
      onExit: (reason) => this.#lose(reason),
    })
    this.#process = process
    this.#startTimer = setTimeout(() => process.kill(), START_MS)
    this.#startTimer.unref()
    process.send({ kind: 'start', config: this.#options.config })
  }

  #receive(event: EngineEvent): void {
    switch (event.kind) {
      case 'step':
        for (const output of event.outputs) this.#sinks.get(output.id)?.output(output)
        return
      case 'loading':
        this.#options.onProgress?.(event)
        return
      case 'ready':
        this.#becomeReady(event.model)
        return
      case 'failed':
        this.#failure = fromPlain(event.error)
        return
      case 'tokens':
        this.#calls.get(event.id)?.({ value: event.tokens })
        return
      case 'text':
        this.#calls.get(event.id)?.({ value: event.text })
        return
      case 'stats':
        this.#calls.get(event.id)?.({ value: event.stats })
        return
      case 'experts':
        this.#calls.get(event.id)?.({ value: event.experts })
        return
      case 'done':
        this.#calls.get(event.id)?.({ value: undefined })
        return
      default:
        this.#receiveForSequence(event)
    }
  }

  #receiveForSequence(
    event: Extract<
      EngineEvent,
      { kind: 'started' | 'prefill' | 'prompt-logprobs' | 'finished' | 'error' }
    >,
  ): void {
    const sink = this.#sinks.get(event.id)
    if (event.kind === 'error') {
      const error = fromPlain(event.error)
      this.#sinks.delete(event.id)
      sink?.failed(error)
      this.#calls.get(event.id)?.({ error })
      return
    }
    if (sink === undefined) return
    if (event.kind === 'started') sink.started(event.promptTokens, event.cachedTokens)
    else if (event.kind === 'prefill') sink.prefill(event.done, event.total)
    else if (event.kind === 'prompt-logprobs') sink.promptLogprobs(event.tokens, event.texts)
    else {
      this.#sinks.delete(event.id)
      sink.finished(event.reason, event.usage)
    }
  }

  #becomeReady(model: ModelInfo): void {
    clearTimeout(this.#startTimer)
    this.#model = model
    this.#readyAtMs = performance.now()
    if (this.#state !== 'stopping') this.#setState('ready')
    this.#firstReady?.({ value: model })
  }

  #lose(reason: string): void {
    clearTimeout(this.#startTimer)
    this.#process = undefined
    const isStopping = this.#state === 'stopping'
    if (!isStopping) this.#setState('restarting')
    this.#failAll(reason)
    this.#stopped?.()
    if (isStopping) return
    const error =
      this.#failure ?? new SputnikError('ENGINE_LOST', `the engine ended while loading: ${reason}`)
    if (this.#firstReady !== undefined) {
      this.#setState('failed')
      this.#firstReady({ error })
      return
    }
    this.#scheduleRestart(this.#failure?.message ?? reason)
  }

  #failAll(reason: string): void {
    const error = new SputnikError('ENGINE_LOST', `the engine process was lost (${reason})`)
    const sinks = [...this.#sinks.values()]
    const calls = [...this.#calls.values()]
    this.#sinks.clear()
    this.#calls.clear()
    for (const sink of sinks) sink.failed(error)
    for (const call of calls) call({ error })
  }

  #scheduleRestart(reason: string): void {
    const lifeMs = this.#readyAtMs === undefined ? 0 : performance.now() - this.#readyAtMs
    const limits = this.#options.restartLimits ?? RESTART_LIMITS
    const decision = decideRestart(this.#restart, lifeMs, limits)
    this.#restart = decision.state
    if (decision.delayMs === undefined) {
      this.#log.error('the engine keeps ending; it is not started again', { reason })
      this.#setState('failed')
      return
    }
    this.#log.warn('the engine ended; starting it again', { reason, delayMs: decision.delayMs })
    this.#restartTimer = setTimeout(() => this.#spawn(), decision.delayMs)
  }
}

function notReady(state: EngineState): SputnikError {
  const [code, text] = NOT_READY[state === 'ready' ? 'loading' : state]
  return new SputnikError(code, text)
}

const NOT_READY: Record<Exclude<EngineState, 'ready'>, readonly [ErrorCode, string]> = {
  loading: ['NOT_READY', 'the model is still loading'],
  restarting: ['ENGINE_LOST', 'the engine is being restarted'],
  failed: ['ENGINE_LOST', 'the engine ended too often and was given up; see the log'],
  stopping: ['SHUTTING_DOWN', 'the server is shutting down'],
}

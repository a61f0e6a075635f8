/**
 * Renders the model's chat template in a worker thread, in bounded time and memory. The template
 * comes from the model file only, never from a request. Knows nothing of HTTP.
 */
import { Worker } from 'node:worker_threads'
import { SputnikError } from '../base/errors.js'
import type { ModelInfo } from '../engine/protocol.js'
import { TEMPLATE_BYTES_MAX, TEMPLATE_HEAP_MB, TEMPLATE_MS, TEMPLATE_QUEUE_MAX } from './limits.js'
import type { RenderAnswer, TemplateWorkerData } from './template-worker.js'

/** A message as templates see it: text content, other fields as the client sent them. */
export type TemplateMessage = {
  readonly role: string
  readonly content: string
  readonly [field: string]: unknown
}

/** What a request may tell the template, all of it data. */
export type TemplateVariables = Readonly<Record<string, string | boolean>>

export type RendererOptions = {
  readonly budgetMs?: number
  readonly maxBytes?: number
}

type Job = {
  readonly variables: Record<string, unknown>
  readonly resolve: (text: string) => void
  readonly reject: (error: SputnikError) => void
  attempts: number
}

/** For the start of a thread, and for the first rendering, which warms the interpreter. */
const WARM_UP_MS = 10_000
/** A second attempt, in a fresh thread, tells a busy machine from an endless template. */
const ATTEMPTS_MAX = 2
const SECOND_ATTEMPT_FACTOR = 5

export class TemplateRenderer {
  readonly #model: ModelInfo
  readonly #budgetMs: number
  readonly #maxBytes: number
  readonly #queue: Job[] = []
  #worker: Worker | undefined
  #running: Job | undefined
  #timer: NodeJS.Timeout | undefined
  /** Whether the thread has started. */
  #isUp = false
  /** Whether any thread has rendered. */
  #isWarm = false
  #isClosed = false

  constructor(model: ModelInfo, options: RendererOptions = {}) {
    this.#model = model
    this.#budgetMs = options.budgetMs ?? TEMPLATE_MS
    this.#maxBytes = options.maxBytes ?? TEMPLATE_BYTES_MAX
  }

  /** Compiles the template before the first request; a template that refuses is no error yet. */
  async warmUp(): Promise<void> {
    await this.render([{ role: 'user', content: 'Hello' }]).catch((error: unknown) => {
      if (!(error instanceof SputnikError)) throw error
    })
  }

  /** Rejects with TEMPLATE_FAILED. Without a template the messages are laid out as ChatML. */
  render(messages: readonly TemplateMessage[], variables: TemplateVariables = {}): Promise<string> {
    if (this.#model.chatTemplate === null) return Promise.resolve(renderChatMl(messages))
    if (this.#isClosed || this.#queue.length >= TEMPLATE_QUEUE_MAX) {
      return Promise.reject(new SputnikError('QUEUE_FULL', 'too many prompts wait for rendering'))
    }
    return new Promise((resolve, reject) => {
      const all = { ...variables, ...this.#modelVariables(), messages }
      this.#queue.push({ variables: all, resolve, reject, attempts: 0 })
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#worker?.terminate()
  }

  #modelVariables(): Record<string, unknown> {
    return {
      bos_token: this.#model.bosText,
      eos_token: this.#model.eosText,
      add_generation_prompt: true,
    }
  }

  #next(): void {
    if (this.#running !== undefined || this.#isClosed) return
    const job = this.#queue.shift()
    if (job === undefined) return
    this.#running = job
    job.attempts++
    this.#worker ??= this.#startWorker()
    this.#worker.postMessage(job.variables)
    this.#limit(job, this.#isUp ? this.#budgetOf(job) : WARM_UP_MS)
  }

  #limit(job: Job, ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#expire(job), ms)
  }

  #budgetOf(job: Job): number {
    if (!this.#isWarm) return Math.max(WARM_UP_MS, this.#budgetMs)
    return job.attempts === 1 ? this.#budgetMs : this.#budgetMs * SECOND_ATTEMPT_FACTOR
  }

  #startWorker(): Worker {
    const workerData: TemplateWorkerData = {
      template: this.#model.chatTemplate ?? '',
      maxBytes: this.#maxBytes,
    }
    this.#isUp = false
    const worker = new Worker(new URL('./template-worker.js', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: TEMPLATE_HEAP_MB },
    })
    worker.unref()
    worker.on('message', (answer: RenderAnswer) => this.#hear(worker, answer))
    worker.on('error', (error) => this.#fail(worker, error.message))
    return worker
  }

  #hear(worker: Worker, answer: RenderAnswer): void {
    if (worker !== this.#worker || this.#isClosed) return
    if ('isUp' in answer) this.#started()
    else this.#finish(answer)
  }

  /** Time counts from here: on a busy machine a thread takes longer to start than to render. */
  #started(): void {
    this.#isUp = true
    const job = this.#running
    if (job !== undefined) this.#limit(job, this.#budgetOf(job))
  }

  #finish(answer: Exclude<RenderAnswer, { isUp: true }>): void {
    this.#isWarm = true
    this.#settle((job) => {
      if ('text' in answer) job.resolve(answer.text)
      else job.reject(templateFailed(answer.error))
    })
  }

  #fail(worker: Worker, reason: string): void {
    if (worker !== this.#worker) return
    this.#worker = undefined
    this.#settle((job) => job.reject(templateFailed(reason)))
  }

  #expire(job: Job): void {
    void this.#worker?.terminate()
    this.#worker = undefined
    if (job.attempts < ATTEMPTS_MAX) {
      this.#running = undefined
      this.#queue.unshift(job)
      this.#next()
      return
    }
    this.#settle(() => job.reject(templateFailed('it takes too long to render')))
  }

  #settle(settle: (job: Job) => void): void {
    clearTimeout(this.#timer)
    const job = this.#running
    this.#running = undefined
    if (job !== undefined) settle(job)
    this.#next()
  }
}

function templateFailed(reason: string): SputnikError {
  const text = `the chat template of the model failed: ${reason}`
  return new SputnikError('TEMPLATE_FAILED', text, { param: 'messages' })
}

/** The layout for models that bring no template; most chat models learned to read it. */
function renderChatMl(messages: readonly TemplateMessage[]): string {
  const turns = messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`)
  return `${turns.join('')}<|im_start|>assistant\n`
}

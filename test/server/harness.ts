/**
 * Starts a real server with a fake engine process for one test, and small helpers to talk to it.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { createLogger } from '../../src/base/log.js'
import type { EngineConfig } from '../../src/engine/protocol.js'
import { EngineClient } from '../../src/server/engine-client.js'
import { HttpServer, type HttpServerOptions } from '../../src/server/http-server.js'

export const FAKE_ENGINE = fileURLToPath(new URL('./fake-engine.js', import.meta.url))

export const CONFIG: EngineConfig = {
  modelPath: '/nowhere/fake.gguf',
  modelId: 'fake',
  cards: 0,
  threads: 1,
  cardThreads: 1,
  contextLength: 0,
  parallel: 4,
  batch: 512,
  kvType: 'f16',
  flashAttention: 'auto',
  wire: 'f32',
  exact: false,
  backend: 'auto',
  gpuLayers: -1,
  logLevel: 'error',
}

export type HarnessOptions = Partial<Omit<HttpServerOptions, 'engine'>> & {
  readonly config?: Partial<EngineConfig>
  readonly template?: string
  readonly env?: Readonly<Record<string, string>>
  /** False: leave the engine loading. */
  readonly isReady?: boolean
}

export type Harness = AsyncDisposable & {
  readonly url: string
  readonly engine: EngineClient
  readonly server: HttpServer
  /** Resolves when the model is loaded and chat works. */
  readonly ready: Promise<void>
}

export const silentLog = createLogger({ level: 'error', part: 'test', write: () => {} })

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const { config, template, env, isReady = true, ...rest } = options
  const engine = withEnv({ ...env, ...(template ? { FAKE_TEMPLATE: template } : {}) }, () => {
    return new EngineClient({
      config: { ...CONFIG, ...config },
      enginePath: FAKE_ENGINE,
      log: silentLog,
      restartLimits: { firstDelayMs: 5, delayMsMax: 50, quickLifeMs: 60_000, quickLivesMax: 3 },
    })
  })
  const server = new HttpServer({
    engine,
    host: '127.0.0.1',
    port: 0,
    apiKeys: [],
    modelId: 'fake',
    parallel: config?.parallel ?? CONFIG.parallel,
    log: silentLog,
    ...rest,
  })
  const url = await server.listen()
  const started = withEnv({ ...env, ...(template ? { FAKE_TEMPLATE: template } : {}) }, () =>
    engine.start(),
  )
  const ready = started.then((model) => server.useModel(model))
  if (isReady) await ready
  else ready.catch(() => {})
  const dispose = async (): Promise<void> => {
    await server.close(0)
    await engine.stop()
  }
  return { url, engine, server, ready, [Symbol.asyncDispose]: dispose }
}

/** The child inherits the environment when it is forked. */
function withEnv<T>(env: Readonly<Record<string, string>>, action: () => T): T {
  const before = { ...process.env }
  Object.assign(process.env, env)
  try {
    return action()
  } finally {
    for (const name of Object.keys(env)) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
}

export type Lists = {
  readonly tokens: readonly string[]
  readonly token_logprobs: ReadonlyArray<number | null>
  readonly top_logprobs: ReadonlyArray<Readonly<Record<string, number>> | null>
  readonly text_offset: readonly number[]
  readonly content: ReadonlyArray<{
    readonly token: string
    readonly logprob: number
    readonly bytes: readonly number[]
    readonly top_logprobs: readonly unknown[]
  }>
}

export type Message = {
  readonly role?: string
  readonly content?: string
  readonly reasoning_content?: string
}

export type Choice = {
  readonly index: number
  readonly text: string
  readonly message: Message
  readonly delta: Message
  readonly finish_reason: string | null
  readonly logprobs: Lists
  readonly token_ids: readonly number[]
}

/** Every field any answer may have; a test looks only at those its endpoint sends. */
export type Body = {
  readonly id: string
  readonly object: string
  readonly model: string
  readonly system_fingerprint: string
  readonly choices: readonly Choice[]
  readonly usage: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly total_tokens: number
    readonly prompt_tokens_details: { readonly cached_tokens: number }
  } | null
  readonly timings: { readonly predicted_n: number }
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
  }
  readonly data: ReadonlyArray<{ readonly id: string; readonly context_length: number }>
  readonly prompt_progress: { readonly total: number; readonly processed: number }
  readonly tokens: readonly number[]
  readonly count: number
  readonly max_model_len: number
  readonly content: string
  readonly prompt: string
  readonly status: string
  readonly engine: string
}

export type Answer = {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly json: Body
}

export type CallOptions = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON, a string as it is. */
  readonly body?: unknown
}

/** One request on a connection of its own. */
export async function call(base: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const { body } = options
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const req = request(new URL(path, base), {
    method: options.method ?? (text === undefined ? 'GET' : 'POST'),
    headers: { 'content-type': 'application/json', ...options.headers },
    agent: false,
  })
  req.end(text)
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  const answer = await readAll(res)
  return { status: res.statusCode ?? 0, headers: res.headers, text: answer, json: parse(answer) }
}

async function readAll(res: IncomingMessage): Promise<string> {
  let text = ''
  res.setEncoding('utf8')
  for await (const chunk of res) text += chunk
  return text
}

function parse(text: string): Body {
  try {
    return JSON.parse(text)
  } catch {
    return {} as Body
  }
}

/** A chat request whose only message is `content`. */
export function chat(content: string, more: object = {}): object {
  return { model: 'fake', messages: [{ role: 'user', content }], ...more }
}

/** The chunks of a stream, parsed. Fails unless `[DONE]` ends it and nothing else is in it. */
export function chunksOf(text: string): readonly Body[] {
  const events = text.split('\n\n').filter((event) => event !== '' && event !== ': ping')
  assert.equal(events.pop(), 'data: [DONE]')
  return events.map((event) => {
    assert.ok(event.startsWith('data: {'), event)
    return JSON.parse(event.slice('data: '.length))
  })
}

/** Waits until `condition` holds; fails after a generous time. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 120_000
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error('the condition never held')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/**
 * The HTTP server: limits, routing, authentication, errors, draining. Knows nothing of single
 * endpoints and nothing of how the engine works.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { ERRORS, SputnikError } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import type { ModelInfo } from '../engine/protocol.js'
import { Admission } from './admission.js'
import { App, type Exchange, type ServerTimes } from './app.js'
import { ApiKeys } from './auth.js'
import type { EngineClient } from './engine-client.js'
import { errorBody, sendError, toSputnikError } from './http-error.js'
import { BODY_MS, CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADERS_MS, QUEUE_PER_SLOT } from './limits.js'
import { type RejectReason, ServerMetrics } from './metrics.js'
import { checkOrigin, isLoopback } from './origin.js'
import { checkMethod, findRoute, type Route } from './routes.js'
import { type RendererOptions, TemplateRenderer } from './template.js'

export type HttpServerOptions = {
  readonly engine: EngineClient
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly apiKeys: readonly string[]
  readonly modelId: string
  readonly parallel: number
  /** Sequences that may wait; undefined: four for each that runs. */
  readonly maxQueue?: number
  readonly log: Logger
  readonly times?: ServerTimes
  readonly renderer?: RendererOptions
}

/** How often node looks for requests that took too long to arrive. */
const TIMEOUT_CHECK_MS = 2_000
const KEEP_ALIVE_MS = 65_000

export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #app: App
  readonly #server: Server
  readonly #log: Logger
  #active = 0
  #idle: (() => void) | undefined

  /** Throws NO_API_KEY for an open address without a key. */
  constructor(options: HttpServerOptions) {
    const isLocal = isLoopback(options.host)
    if (!isLocal && options.apiKeys.length === 0) {
      throw new SputnikError('NO_API_KEY', `${options.host} can be reached by other machines`)
    }
    this.#options = options
    this.#log = options.log
    const maxQueue = options.maxQueue ?? options.parallel * QUEUE_PER_SLOT
    this.#app = new App({
      engine: options.engine,
      admission: new Admission(options.parallel + maxQueue),
      metrics: new ServerMetrics(),
      keys: new ApiKeys(options.apiKeys),
      log: options.log,
      modelId: options.modelId,
      isLocalOnly: isLocal && options.apiKeys.length === 0,
      times: options.times ?? {},
    })
    this.#server = this.#createServer()
  }

  /** Resolves with the URL to reach it; rejects with PORT_IN_USE. */
  listen(): Promise<string> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(listenError(error, `${host}:${port}`))
      })
      this.#server.listen(port, host.replace(/^\[|\]$/g, ''), () => resolve(this.url))
    })
  }

  get url(): string {
    const { address, port, family } = this.#server.address() as AddressInfo
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  /** Chat needs the model's template: called once, when the engine is ready. */
  async useModel(model: ModelInfo): Promise<void> {
    const templates = new TemplateRenderer(model, this.#options.renderer)
    await templates.warmUp()
    this.#app.useTemplates(templates)
  }

  /** Refuses new work, waits for running requests at most `drainMs`, then closes everything. */
  async close(drainMs: number): Promise<void> {
    this.#app.drain()
    if (this.#active > 0) await this.#untilIdle(drainMs)
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
    await this.#app.close()
  }

  #untilIdle(drainMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, drainMs)
      this.#idle = () => {
        clearTimeout(timer)
        // Answers that were just written still have to leave.
        setImmediate(resolve)
      }
    })
  }

  #createServer(): Server {
    const { headersMs = HEADERS_MS, bodyMs = BODY_MS } = this.#options.times ?? {}
    const server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: headersMs,
      requestTimeout: bodyMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, headersMs, bodyMs),
    })
    server.maxConnections = CONNECTIONS_MAX
    const serve = (req: IncomingMessage, res: ServerResponse): void => {
      void this.#serve(req, res)
    }
    server.on('request', serve)
    server.on('checkContinue', serve)
    server.on('clientError', refuseConnection)
    return server
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const exchange = toExchange(this.#app, req, res)
    const route = findRoute(exchange.path)
    this.#track(exchange, route)
    // A broken connection is no error of ours; `close` tells the handlers.
    req.on('error', () => {})
    res.on('error', () => {})
    try {
      await this.#answer(exchange, route)
    } catch (error) {
      this.#refuse(exchange, error)
    }
  }

  /** Order matters: who asks is settled before what is asked. */
  async #answer(exchange: Exchange, route: Route | undefined): Promise<void> {
    const { req, res, app, path } = exchange
    checkOrigin(req, res, { isLocalOnly: app.options.isLocalOnly })
    if (req.method === 'OPTIONS' && req.headers.origin !== undefined) {
      res.writeHead(204).end()
      return
    }
    if (route?.auth !== 'public') app.options.keys.check(req.headers)
    if (route === undefined)
      throw new SputnikError('NOT_FOUND', `there is no ${path.slice(0, 200)}`)
    checkMethod(route, req.method)
    await route.handle(exchange)
  }

  #refuse({ res, app, requestId }: Exchange, thrown: unknown): void {
    const error = toSputnikError(thrown)
    const reason = REJECT_REASONS[ERRORS[error.code].status]
    if (reason !== undefined) app.options.metrics.rejected(reason)
    if (error.code === 'INTERNAL') {
      this.#log.error('a request failed', { requestId, cause: describe(error.cause ?? thrown) })
    }
    if (error.code === 'CANCELLED' || res.headersSent || res.destroyed) {
      res.destroy()
      return
    }
    sendError(res, error)
  }

  #track({ res, req, app, requestId }: Exchange, route: Route | undefined): void {
    const startedMs = performance.now()
    this.#active++
    res.once('close', () => {
      this.#active--
      if (this.#active === 0) this.#idle?.()
      app.options.metrics.answered(route?.path ?? 'unknown', res.statusCode)
      this.#log.debug('request', {
        requestId,
        method: req.method,
        path: route?.path ?? 'unknown',
        status: res.statusCode,
        ms: Math.round(performance.now() - startedMs),
      })
    })
  }
}

const REJECT_REASONS: Readonly<Record<number, RejectReason>> = {
  400: 'invalid',
  401: 'unauthorized',
  413: 'invalid',
  429: 'queue_full',
  503: 'not_ready',
}

function toExchange(app: App, req: IncomingMessage, res: ServerResponse): Exchange {
  const given = req.headers['x-request-id']
  const isUsable = typeof given === 'string' && /^[\w.:+/=-]{1,128}$/.test(given)
  const requestId = isUsable ? given : randomBytes(12).toString('hex')
  res.setHeader('x-request-id', requestId)
  const path = (req.url ?? '/').split('?', 1)[0] ?? '/'
  return { app, req, res, path, requestId }
}

/** The request never became one: answer by hand, in the same shape. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const refusal = connectionError(error)
  const { status } = ERRORS[refusal.code]
  const body = JSON.stringify(errorBody(refusal))
  socket.end(
    `HTTP/1.1 ${status} ${refusal.code}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

function connectionError(error: NodeJS.ErrnoException): SputnikError {
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    return new SputnikError('HEADERS_TOO_LARGE', 'the headers are too large')
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new SputnikError('REQUEST_TIMEOUT', 'the request took too long to arrive')
  }
  return new SputnikError('BAD_REQUEST', 'the request is not HTTP')
}

function listenError(error: NodeJS.ErrnoException, address: string): SputnikError {
  if (error.code === 'EADDRINUSE') {
    return new SputnikError('PORT_IN_USE', `another program listens on ${address}`, {}, error)
  }
  return new SputnikError('USAGE', `cannot listen on ${address}: ${error.message}`, {}, error)
}

function describe(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}

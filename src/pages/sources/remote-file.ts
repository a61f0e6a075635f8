/**
 * Byte ranges of one file behind an http(s) address (RFC 9110, section 14): goes on where a broken
 * connection stopped, and notices when the file there is replaced. Knows nothing of models.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { reasonOf, SputnikError } from '../../base/errors.js'
import { sourceFailed } from '../page-source.js'
import { checkAnswer, type RemoteState, redirectOf } from './range-answer.js'

export type RemoteOptions = {
  /** Sent with every request to the host of the address, not to hosts it redirects to. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Connections at a time. */
  readonly parallel?: number | undefined
  /** Without a byte for so long, a connection counts as broken. */
  readonly idleMs?: number | undefined
  /** For one range with all its retries. */
  readonly deadlineMs?: number | undefined
  /** Before the first retry; doubled each time. */
  readonly backoffMs?: number | undefined
}

export type RemoteRange = {
  readonly offset: number
  readonly bytes: number
  /** Is given the bytes in order, `at` being their place in the file. */
  readonly onBytes: (chunk: Uint8Array, at: number) => void
}

const PARALLEL = 4
const IDLE_MS = 20_000
const DEADLINE_MS = 180_000
const BACKOFF_MS = 200
const BACKOFF_MAX_MS = 5_000
const REDIRECTS_MAX = 5
/** In a row, without a byte between them. */
const FAILURES_MAX = 4

/** Connections that are kept between the ranges of a source. */
export class Connections {
  readonly #http: HttpAgent
  readonly #https: HttpsAgent

  constructor(parallel: number = PARALLEL) {
    this.#http = new HttpAgent({ keepAlive: true, maxSockets: parallel })
    this.#https = new HttpsAgent({ keepAlive: true, maxSockets: parallel })
  }

  get(
    url: URL,
    options: { headers: Record<string, string>; signal: AbortSignal; idleMs: number },
  ): Promise<IncomingMessage> {
    const { headers, signal, idleMs } = options
    return new Promise((resolve, reject) => {
      const common = { headers, signal }
      const request =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...common, agent: this.#https })
          : httpRequest(url, { ...common, agent: this.#http })
      request.setTimeout(idleMs, () => request.destroy(new Error(`silent for ${idleMs} ms`)))
      request.once('error', reject)
      request.once('response', (response) => {
        // Later errors are those of the body, which has its own reader.
        request.on('error', () => {})
        resolve(response)
      })
      request.end()
    })
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}

export class RemoteFile {
  readonly name: string
  readonly #url: URL
  readonly #connections: Connections
  readonly #options: RemoteOptions
  #state: RemoteState | undefined

  constructor(url: URL, { connections, ...options }: { connections: Connections } & RemoteOptions) {
    // Without what may be secret in it.
    this.name = `${url.origin}${url.pathname}`
    this.#url = url
    this.#connections = connections
    this.#options = options
  }

  /** Learns the size of the file. @throws SputnikError SOURCE_FAILED */
  async open(signal: AbortSignal): Promise<number> {
    await this.read({ offset: 0, bytes: 1, onBytes: () => {} }, signal)
    return this.#state?.sizeBytes ?? 0
  }

  /** @throws SputnikError SOURCE_FAILED, or the reason of `signal` */
  async read(range: RemoteRange, signal: AbortSignal): Promise<void> {
    const { deadlineMs = DEADLINE_MS } = this.#options
    const stop = new AbortController()
    const late = sourceFailed(this.name, `did not finish within ${deadlineMs} ms`)
    const timer = setTimeout(() => stop.abort(late), deadlineMs)
    const forward = (): void => stop.abort(signal.reason)
    signal.addEventListener('abort', forward, { once: true })
    try {
      signal.throwIfAborted()
      await this.#readOn(range, stop.signal)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', forward)
    }
  }

  /** Retries from where the last attempt stopped. */
  async #readOn(range: RemoteRange, signal: AbortSignal): Promise<void> {
    const end = range.offset + range.bytes
    let at = range.offset
    let failures = 0
    const onBytes = (chunk: Uint8Array): void => {
      range.onBytes(chunk, at)
      at += chunk.length
      failures = 0
    }
    while (at < end) {
      try {
        await this.#attempt({ start: at, end, onBytes }, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof SputnikError) throw error
        failures++
        if (failures > FAILURES_MAX) throw this.#failed(reasonOf(error), error)
        await this.#wait(failures, signal)
      }
    }
  }

  async #attempt(
    { start, end, onBytes }: { start: number; end: number; onBytes: (chunk: Uint8Array) => void },
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#request({ start, end }, signal)
    try {
      const answer = checkAnswer(response, { start, end, known: this.#state })
      if (answer.problem !== undefined) throw this.#failed(answer.problem)
      this.#state = answer.state
      let left = answer.bytes
      for await (const chunk of response as AsyncIterable<Buffer>) {
        left -= chunk.length
        if (left < 0) throw this.#failed('it sends more bytes than it was asked for')
        onBytes(chunk)
      }
      if (left > 0) throw new Error(`the answer ended ${left} bytes early`)
    } finally {
      response.destroy()
    }
  }

  async #request(
    { start, end }: { start: number; end: number },
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const { idleMs = IDLE_MS } = this.#options
    let url = this.#url
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const own = url.origin === this.#url.origin ? this.#options.headers : undefined
      const headers = { ...own, range: `bytes=${start}-${end - 1}`, 'accept-encoding': 'identity' }
      const response = await this.#connections.get(url, { headers, signal, idleMs })
      const next = redirectOf(response, url)
      if (next === undefined) return response
      response.destroy()
      if (typeof next === 'string') throw this.#failed(next)
      url = next
    }
    throw this.#failed(`more than ${REDIRECTS_MAX} redirects`)
  }

  async #wait(failures: number, signal: AbortSignal): Promise<void> {
    const { backoffMs = BACKOFF_MS } = this.#options
    const ms = Math.min(backoffMs * 2 ** (failures - 1), BACKOFF_MAX_MS)
    try {
      await sleep(ms, undefined, { signal })
    } catch {
      signal.throwIfAborted()
    }
  }

  #failed(problem: string, cause?: unknown): SputnikError {
    return sourceFailed(this.name, problem, cause)
  }
}

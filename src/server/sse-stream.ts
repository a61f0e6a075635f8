/**
 * One server-sent event stream: headers at once, comments during silence, a client that does not
 * read is cut. Knows nothing of what the events say.
 */
import type { ServerResponse } from 'node:http'
import { PING_MS, STALL_MS, STREAM_BYTES_MAX } from './limits.js'

export type SseOptions = {
  readonly pingMs?: number
  readonly stallMs?: number
  readonly bufferBytesMax?: number
}

export const SSE_HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}

/** How often silence and stalls are looked at, as a share of the ping time. */
const CHECKS_PER_PING = 4

export class SseStream {
  readonly #res: ServerResponse
  readonly #pingMs: number
  readonly #stallMs: number
  readonly #bufferBytesMax: number
  #timer: NodeJS.Timeout | undefined
  #writtenMs = performance.now()
  /** Since when the client takes nothing; undefined while its buffer is not full. */
  #stalledMs: number | undefined
  #takenBytes = 0

  constructor(res: ServerResponse, options: SseOptions = {}) {
    this.#res = res
    this.#pingMs = options.pingMs ?? PING_MS
    this.#stallMs = options.stallMs ?? STALL_MS
    this.#bufferBytesMax = options.bufferBytesMax ?? STREAM_BYTES_MAX
    res.on('drain', () => {
      this.#stalledMs = undefined
    })
    res.once('close', () => clearInterval(this.#timer))
  }

  open(): void {
    this.#res.writeHead(200, SSE_HEADERS)
    this.#res.flushHeaders()
    this.#writtenMs = performance.now()
    const checkMs = Math.min(this.#pingMs, this.#stallMs) / CHECKS_PER_PING
    this.#timer = setInterval(() => this.#check(), checkMs)
  }

  /** Writes whole events. One call is one write to the socket. */
  write(events: string): void {
    if (events === '' || this.#res.destroyed) return
    this.#writtenMs = performance.now()
    if (this.#res.write(events)) return
    this.#stalledMs ??= this.#writtenMs
    if (this.#res.writableLength > this.#bufferBytesMax) this.#res.destroy()
  }

  end(events: string): void {
    clearInterval(this.#timer)
    if (!this.#res.destroyed) this.#res.end(events)
  }

  #check(): void {
    const nowMs = performance.now()
    if (this.#stalledMs !== undefined) {
      if (this.#hasProgress()) this.#stalledMs = nowMs
      else if (nowMs - this.#stalledMs >= this.#stallMs) this.#res.destroy()
      return
    }
    // A little early, so that two checks never add up to more than the promise.
    if (nowMs - this.#writtenMs >= this.#pingMs * (1 - 1 / CHECKS_PER_PING))
      this.write(': ping\n\n')
  }

  /** Did the client take bytes since the last look? */
  #hasProgress(): boolean {
    const { socket } = this.#res
    const takenBytes = socket === null ? 0 : socket.bytesWritten - socket.writableLength
    const hasProgress = takenBytes !== this.#takenBytes
    this.#takenBytes = takenBytes
    return hasProgress
  }
}

/** One event on the wire, without an `event:` line: clients wrap events that have one. */
export function sseEvent(json: string): string {
  return `data: ${json}\n\n`
}

export const SSE_DONE = 'data: [DONE]\n\n'

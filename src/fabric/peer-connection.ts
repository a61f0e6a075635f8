/**
 * The control connection of a peer, after its handshake: heartbeats to and fro, the end when
 * nothing was heard for a lease, and why one side has ended it. Knows nothing of the data
 * connection; uses no native code.
 */
import type { Duplex } from 'node:stream'
import { reasonOf, SputnikError } from '../base/errors.js'
import { FRAME, frameHeader } from './frame.js'
import { encodeHeader, type Frame, type FrameStream } from './frame-stream.js'
import { fromRefused, toRefused } from './handshake-ends.js'
import { checkMessage, refusedSchema } from './handshake-messages.js'
import { decodeMessage, encodeMessage, MESSAGE_KIND } from './message.js'
import type { PeerState } from './peer-state.js'

export type PeerConnectionOptions = {
  /** Paused; read from now on. */
  readonly socket: Duplex
  /** May hold frames already that came with the last of the handshake. */
  readonly frames: FrameStream
  /** Where the main thread looks. */
  readonly state: PeerState
  readonly heartbeatMs: number
  readonly leaseMs: number
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  /** Once, with the reason a person would want to read, and the peer's own if it gave one. */
  readonly onEnd: (reason: string, error?: SputnikError) => void
}

const SILENT = 'nothing was heard for the time of its lease'
const ROUND_TRIPS_KEPT = 16
const REASON_BYTES_MAX = 4096
/** So long a peer may take to read why, or to say why. */
const FAREWELL_MS = 500
const MICROSECONDS = 0x1_0000_0000

export class PeerConnection {
  readonly #options: PeerConnectionOptions
  readonly #timer: NodeJS.Timeout
  readonly #roundTripsUs: number[] = []
  #heardAt: number
  #farewell: NodeJS.Timeout | undefined
  /** Why this side goes. */
  #leaving: string | undefined
  #isEnded = false

  constructor(options: PeerConnectionOptions) {
    const { socket, frames, now, heartbeatMs } = options
    this.#options = options
    this.#heardAt = now()
    frames.allow(REASON_BYTES_MAX)
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('error', (error) => this.end(error.message))
    socket.on('close', () => this.end(this.#leaving ?? 'the connection was closed'))
    this.#timer = setInterval(() => this.#beat(), heartbeatMs)
    this.#beat()
    this.#receive(new Uint8Array(0))
    socket.resume()
  }

  end(reason: string, error?: SputnikError): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearInterval(this.#timer)
    clearTimeout(this.#farewell)
    this.#options.state.end()
    this.#options.socket.destroy()
    this.#options.onEnd(reason, error)
  }

  /** This side goes; for a moment what is said last still counts, here and there. */
  leave(reason: string, told?: SputnikError): void {
    if (this.#isEnded || this.#leaving !== undefined) return
    const { socket, state } = this.#options
    this.#leaving = reason
    clearInterval(this.#timer)
    state.end()
    this.#farewell = setTimeout(() => this.end(reason), FAREWELL_MS)
    if (told === undefined) socket.end()
    else socket.end(encodeMessage(MESSAGE_KIND.handshake, toRefused(told)))
  }

  #receive(chunk: Uint8Array): void {
    const { frames, now } = this.#options
    this.#heardAt = now()
    try {
      for (const frame of frames.push(chunk)) this.#accept(frame)
    } catch (error) {
      this.end(reasonOf(error))
    }
  }

  #accept(frame: Frame): void {
    const { header } = frame
    if (header.kind === FRAME.heartbeat) this.#send(FRAME.heard, header.step)
    else if (header.kind === FRAME.heard) this.#noteRoundTrip(header.step)
    else if (header.kind === MESSAGE_KIND.handshake) this.#dismissed(frame)
    else throw new SputnikError('FRAME_INVALID', `a frame of kind ${header.kind} among heartbeats`)
  }

  #dismissed(frame: Frame): void {
    const message = decodeMessage(frame, MESSAGE_KIND.handshake)
    const error = fromRefused(checkMessage(message, refusedSchema))
    this.end(error.message, error)
  }

  #noteRoundTrip(sentUs: number): void {
    const passedUs = (((1000 * this.#options.now()) >>> 0) - sentUs + MICROSECONDS) % MICROSECONDS
    this.#roundTripsUs.push(passedUs)
    if (this.#roundTripsUs.length > ROUND_TRIPS_KEPT) this.#roundTripsUs.shift()
    this.#options.state.noteRoundTrip(Math.min(...this.#roundTripsUs))
  }

  #beat(): void {
    this.#send(FRAME.heartbeat, (1000 * this.#options.now()) >>> 0)
    // A process that was stopped finds its timers first, then what its peers had sent meanwhile.
    if (this.#isSilent) setImmediate(() => this.#isSilent && this.end(SILENT))
  }

  get #isSilent(): boolean {
    const { now, leaseMs } = this.#options
    return now() - this.#heardAt > leaseMs
  }

  #send(kind: number, sentUs: number): void {
    const { socket } = this.#options
    // A peer that takes nothing will not be heard of either; nothing piles up meanwhile.
    const isOver = this.#isEnded || this.#leaving !== undefined
    if (!isOver && !socket.writableNeedDrain) socket.write(heartbeat(kind, sentUs))
  }
}

/** Carries the sender's clock in microseconds, which comes back unchanged. */
function heartbeat(kind: number, sentUs: number): Uint8Array {
  return encodeHeader(frameHeader(kind, { payloadBytes: 0, step: sentUs }))
}

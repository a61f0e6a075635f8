/**
 * The control connection of a peer, after its handshake: heartbeats to and fro, and the end when
 * nothing was heard for a lease. Knows nothing of the data connection; uses no native code.
 */
import type { Duplex } from 'node:stream'
import { SputnikError } from '../base/errors.js'
import { FRAME, HEADER_BYTES, writeHeader } from './frame.js'
import type { Frame, FrameStream } from './frame-stream.js'
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
  /** Once, with the reason a person would want to read. */
  readonly onEnd: (reason: string) => void
}

const SILENT = 'nothing was heard for the time of its lease'
const ROUND_TRIPS_KEPT = 16
const MICROSECONDS = 0x1_0000_0000

export class PeerConnection {
  readonly #options: PeerConnectionOptions
  readonly #timer: NodeJS.Timeout
  readonly #roundTripsUs: number[] = []
  #heardAt: number
  #isEnded = false

  constructor(options: PeerConnectionOptions) {
    const { socket, frames, now, heartbeatMs } = options
    this.#options = options
    this.#heardAt = now()
    frames.allow(0)
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('error', (error) => this.end(error.message))
    socket.on('close', () => this.end('the connection was closed'))
    this.#timer = setInterval(() => this.#beat(), heartbeatMs)
    this.#beat()
    this.#receive(new Uint8Array(0))
    socket.resume()
  }

  end(reason: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearInterval(this.#timer)
    this.#options.state.end()
    this.#options.socket.destroy()
    this.#options.onEnd(reason)
  }

  #receive(chunk: Uint8Array): void {
    const { frames, now } = this.#options
    this.#heardAt = now()
    try {
      for (const frame of frames.push(chunk)) this.#accept(frame)
    } catch (error) {
      this.end(error instanceof Error ? error.message : String(error))
    }
  }

  #accept({ header }: Frame): void {
    if (header.kind === FRAME.heartbeat) this.#send(FRAME.heard, header.step)
    else if (header.kind === FRAME.heard) this.#noteRoundTrip(header.step)
    else throw new SputnikError('FRAME_INVALID', `a frame of kind ${header.kind} among heartbeats`)
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
    if (!this.#isEnded && !socket.writableNeedDrain) socket.write(heartbeat(kind, sentUs))
  }
}

/** Carries the sender's clock in microseconds, which comes back unchanged. */
function heartbeat(kind: number, sentUs: number): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES)
  writeHeader(new DataView(frame.buffer), {
    payloadBytes: 0,
    kind,
    encoding: 0,
    region: 0,
    step: sentUs,
    attempt: 0,
    tokens: 0,
    computeUs: 0,
  })
  return frame
}

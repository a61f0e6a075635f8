/**
 * One connection of the fabric thread, after its handshake: frames of the main thread go to the
 * socket, frames of the socket to the main thread, heartbeats to and fro. Ends when nothing was
 * heard for a lease. Knows nothing of what the frames mean; uses no native code.
 */
import type { Duplex } from 'node:stream'
import { FRAME, HEADER_BYTES, writeHeader } from './frame.js'
import type { Frame, FrameStream } from './frame-stream.js'
import type { ThreadBox } from './thread-box.js'
import { ThreadPort } from './thread-port.js'

export type PeerConnectionOptions = {
  /** Paused; read from now on. */
  readonly socket: Duplex
  /** May hold frames already that came with the last of the handshake. */
  readonly frames: FrameStream
  /** From and to the main thread. */
  readonly inbox: ThreadBox
  readonly outbox: ThreadBox
  readonly heartbeatMs: number
  readonly leaseMs: number
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  /** Once, with the reason a person would want to read. */
  readonly onEnd: (reason: string) => void
}

export type PeerStats = {
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Of the last heartbeats, smallest; undefined before the first answer. */
  readonly roundTripMs: number | undefined
}

const ROUND_TRIPS_KEPT = 16
const MICROSECONDS = 0x1_0000_0000

export class PeerConnection {
  readonly #options: PeerConnectionOptions
  readonly #port: ThreadPort
  readonly #timer: NodeJS.Timeout
  readonly #roundTrips: number[] = []
  #heardAt: number
  /** Of the frame that is being sent. */
  #left = 0
  /** Heartbeat frames that wait for the end of the frame being sent: at most one of each kind. */
  readonly #waiting = new Map<number, number>()
  #isEnded = false
  #bytesSent = 0
  #bytesReceived = 0

  constructor(options: PeerConnectionOptions) {
    const { socket, inbox, outbox, now, heartbeatMs } = options
    this.#options = options
    this.#heardAt = now()
    this.#port = new ThreadPort({
      inbox,
      outbox,
      onPiece: (piece, frameBytes) => this.#send(piece, frameBytes),
    })
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('drain', () => this.turn())
    socket.on('error', (error) => this.end(error.message))
    socket.on('close', () => this.end('the connection was closed'))
    this.#timer = setInterval(() => this.#beat(), heartbeatMs)
    this.#receive(new Uint8Array(0))
    socket.resume()
  }

  get stats(): PeerStats {
    return {
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      roundTripMs: this.#roundTrips.length > 0 ? Math.min(...this.#roundTrips) : undefined,
    }
  }

  /** To be called when the main thread has put something into a box, or taken something out. */
  turn(): void {
    if (this.#port.isEnded) this.end('this side has closed it')
    else this.#port.turn()
  }

  end(reason: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearInterval(this.#timer)
    this.#port.end()
    this.#options.socket.destroy()
    this.#options.onEnd(reason)
  }

  /** False while the socket's buffer is full; its `drain` asks again. */
  #send(piece: Uint8Array, frameBytes: number): boolean {
    const { socket } = this.#options
    if (this.#isEnded) return true
    if (socket.writableNeedDrain) return false
    if (this.#left === 0) this.#left = frameBytes
    this.#left -= piece.length
    // The box is used again while the socket still holds the bytes.
    this.#write(Uint8Array.from(piece))
    if (this.#left === 0) this.#sendWaiting()
    return true
  }

  #write(bytes: Uint8Array): void {
    this.#bytesSent += bytes.length
    this.#options.socket.write(bytes)
  }

  #receive(chunk: Uint8Array): void {
    const { frames, now } = this.#options
    this.#heardAt = now()
    this.#bytesReceived += chunk.length
    try {
      for (const frame of frames.push(chunk)) this.#accept(frame)
    } catch (error) {
      this.end(error instanceof Error ? error.message : String(error))
    }
  }

  #accept({ header, bytes }: Frame): void {
    if (header.kind === FRAME.heartbeat) this.#sendBeat(FRAME.heard, header.step)
    else if (header.kind === FRAME.heard) this.#noteRoundTrip(header.step)
    else this.#port.deliver(bytes)
  }

  #noteRoundTrip(sentUs: number): void {
    const passedUs = (((1000 * this.#options.now()) >>> 0) - sentUs + MICROSECONDS) % MICROSECONDS
    this.#roundTrips.push(passedUs / 1000)
    if (this.#roundTrips.length > ROUND_TRIPS_KEPT) this.#roundTrips.shift()
  }

  #beat(): void {
    const { now, leaseMs } = this.#options
    if (now() - this.#heardAt > leaseMs) {
      this.end(`nothing was heard for ${leaseMs} ms`)
      return
    }
    this.#sendBeat(FRAME.heartbeat, (1000 * now()) >>> 0)
  }

  /** In the middle of a frame there is no place for another one; its bytes show life as well. */
  #sendBeat(kind: number, sentUs: number): void {
    this.#waiting.set(kind, sentUs)
    if (this.#left === 0) this.#sendWaiting()
  }

  #sendWaiting(): void {
    for (const [kind, sentUs] of this.#waiting) this.#write(heartbeat(kind, sentUs))
    this.#waiting.clear()
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

/**
 * A link over a local stream socket. It looks for an answer a short while before it sleeps, because
 * waking a sleeping process costs more than most experts take.
 */
import { SputnikError } from '../base/errors.js'
import { allocateNative, type NativeBuffer } from '../native/memory.js'
import type { Sockets } from '../native/sockets.js'
import { FRAME_BYTES_MAX, HEADER_BYTES, readHeader } from './frame.js'
import type { Link, ReceivedFrame } from './link.js'

export type SocketLinkOptions = {
  readonly sockets: Sockets
  readonly socket: number
  /** How long to look for a frame without sleeping. */
  readonly spinUs: number
  /** Longest wait for the peer to take what is sent. */
  readonly sendTimeoutMs: number
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
}

const BUFFER_BYTES_FIRST = 1 << 16
/** Attempts to receive between two looks at the clock. */
const TRIES_PER_LOOK = 8
const SLEEP_MS_MAX = 1000

export class SocketLink implements Link {
  readonly #options: SocketLinkOptions
  #buffer: NativeBuffer = allocateNative(BUFFER_BYTES_FIRST)
  #filled = 0
  #isOpen = true
  bytesSent = 0
  bytesReceived = 0

  constructor(options: SocketLinkOptions) {
    this.#options = options
  }

  send(frame: NativeBuffer, bytes: number): boolean {
    const { sockets, socket, sendTimeoutMs } = this.#options
    let sent = 0
    while (sent < bytes) {
      if (!this.#isOpen) return false
      const count = sockets.send(socket, frame.address + BigInt(sent), bytes - sent)
      if (count < 0) return false
      if (count === 0 && !sockets.waitToSend(socket, sendTimeoutMs)) return false
      sent += count
    }
    this.bytesSent += bytes
    return true
  }

  receive(timeoutMs: number): ReceivedFrame | undefined {
    const deadline = this.#options.now() + timeoutMs
    // The peer sends one frame and waits, so what follows a frame belongs to the next call.
    this.#filled = 0
    if (!this.#fill(HEADER_BYTES, deadline)) return undefined
    const bytes = HEADER_BYTES + readHeader(this.#buffer.view).payloadBytes
    this.#reserve(bytes)
    if (!this.#fill(bytes, deadline)) return undefined
    this.bytesReceived += bytes
    return { buffer: this.#buffer, bytes }
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.sockets.close(this.#options.socket)
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.bytes.length) return
    if (bytes > FRAME_BYTES_MAX)
      throw new SputnikError('FRAME_INVALID', `a frame of ${bytes} bytes`)
    const grown = allocateNative(bytes + (bytes >> 2))
    grown.bytes.set(this.#buffer.bytes.subarray(0, this.#filled))
    this.#buffer = grown
  }

  /** Receives until `wanted` bytes of the frame are there. */
  #fill(wanted: number, deadline: number): boolean {
    const { sockets, socket, now, spinUs } = this.#options
    let spinUntil = now() + spinUs / 1000
    let tries = 0
    while (this.#filled < wanted) {
      if (!this.#isOpen) return false
      const got = this.#receiveSome(wanted)
      if (got < 0) return false
      if (got > 0) continue
      sockets.yield()
      if (++tries % TRIES_PER_LOOK !== 0) continue
      const time = now()
      if (time < spinUntil) continue
      if (time >= deadline) return false
      sockets.wait(socket, Math.min(Math.ceil(deadline - time), SLEEP_MS_MAX))
      spinUntil = 0
    }
    return true
  }

  /** Never reads beyond the frame, whose length is known once its header is there. */
  #receiveSome(wanted: number): number {
    const { sockets, socket } = this.#options
    const address = this.#buffer.address + BigInt(this.#filled)
    const got = sockets.receive(socket, address, wanted - this.#filled)
    if (got > 0) this.#filled += got
    return got
  }
}

/**
 * A link over a local stream socket. It looks for an answer a short while before it sleeps, because
 * waking a sleeping process costs more than most experts take.
 */
import { SputnikError } from '../base/errors.js'
import { allocateCollected, type NativeBuffer } from '../native/memory.js'
import type { Sockets } from '../native/sockets.js'
import { FRAME_BYTES_MAX, HEADER_BYTES, readHeader } from './frame.js'
import type { Link, ReceivedFrame, Waits } from './link.js'
import { receiveFrom } from './receive.js'

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

export class SocketLink implements Link {
  readonly waits: Waits
  readonly #options: SocketLinkOptions
  #buffer: NativeBuffer = allocateCollected(BUFFER_BYTES_FIRST)
  #outgoing: NativeBuffer = allocateCollected(BUFFER_BYTES_FIRST)
  /** Bytes of the frame that are here, and bytes to wait for: of its header, then of all of it. */
  #filled = 0
  #wanted = HEADER_BYTES
  #isOpen = true
  bytesSent = 0
  bytesReceived = 0

  constructor(options: SocketLinkOptions) {
    this.#options = options
    this.waits = this.#waits()
  }

  frame(bytes: number): NativeBuffer {
    if (this.#outgoing.bytes.length < bytes)
      this.#outgoing = allocateCollected(bytes + (bytes >> 2))
    return this.#outgoing
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
    const { now, spinUs, sockets } = this.#options
    return receiveFrom(this, { now, spinUs, yield: sockets.yield }, timeoutMs)
  }

  /** A frame that is whole by now; what is there of an unfinished one is kept. */
  poll(): ReceivedFrame | 'gone' | undefined {
    for (;;) {
      if (!this.#isOpen) return 'gone'
      if (this.#filled === this.#wanted && this.#isWhole()) return this.#take()
      const got = this.#receiveSome()
      if (got < 0) return 'gone'
      if (got === 0) return undefined
    }
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.sockets.close(this.#options.socket)
  }

  /** Nothing is read ahead of a frame, so the socket itself tells what is there. */
  #waits(): Waits {
    const fd = (): number => (this.#isOpen ? this.#options.socket : -1)
    return {
      get fd() {
        return fd()
      },
      isWriting: false,
      doze: () => this.#isOpen,
      wake: () => {},
    }
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.bytes.length) return
    if (bytes > FRAME_BYTES_MAX)
      throw new SputnikError('FRAME_INVALID', `a frame of ${bytes} bytes`)
    const grown = allocateCollected(bytes + (bytes >> 2))
    grown.bytes.set(this.#buffer.bytes.subarray(0, this.#filled))
    this.#buffer = grown
  }

  /** True when the frame is complete; otherwise its length is known now. */
  #isWhole(): boolean {
    const bytes = HEADER_BYTES + readHeader(this.#buffer.view).payloadBytes
    if (this.#filled === bytes) return true
    this.#reserve(bytes)
    this.#wanted = bytes
    return false
  }

  #take(): ReceivedFrame {
    const bytes = this.#filled
    this.#filled = 0
    this.#wanted = HEADER_BYTES
    this.bytesReceived += bytes
    return { buffer: this.#buffer, bytes }
  }

  /** Never reads beyond the frame, whose length is known once its header is there. */
  #receiveSome(): number {
    const { sockets, socket } = this.#options
    const address = this.#buffer.address + BigInt(this.#filled)
    const got = sockets.receive(socket, address, this.#wanted - this.#filled)
    if (got > 0) this.#filled += got
    return got
  }
}

/**
 * A link to a peer whose socket belongs to the fabric thread of this process. The step runs inside
 * a native call on the main thread, where no event loop turns, so frames cross in shared memory and
 * the main thread blocks for them; the fabric thread never does.
 */
import { SputnikError } from '../base/errors.js'
import { copyNative } from '../native/libc.js'
import { allocateNative, type NativeBuffer, nativeViews } from '../native/memory.js'
import { FRAME_BYTES_MAX, HEADER_BYTES } from './frame.js'
import type { Link, ReceivedFrame, Waits } from './link.js'
import type { ThreadBox } from './thread-box.js'

export type ThreadLinkOptions = {
  /** To and from the fabric thread. */
  readonly outbox: ThreadBox
  readonly inbox: ThreadBox
  /** Tells the fabric thread to look at its boxes. */
  readonly wake: () => void
  readonly sendTimeoutMs: number
  /** Looks at the inbox this long before it sleeps. */
  readonly spinUs: number
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  readonly onClose: () => void
}

export class ThreadLink implements Link {
  readonly waits: Waits = { fd: -1, isWriting: false, doze: () => false, wake: () => {} }
  readonly #options: ThreadLinkOptions
  readonly #out: NativeBuffer
  readonly #in: NativeBuffer
  /** Frames that do not fit the box, whole. */
  #large: NativeBuffer = allocateNative(HEADER_BYTES)
  #reply: NativeBuffer = allocateNative(HEADER_BYTES)
  #isHeld = false
  #isOpen = true
  bytesSent = 0
  bytesReceived = 0

  constructor(options: ThreadLinkOptions) {
    this.#options = options
    this.#out = nativeViews(options.outbox.data)
    this.#in = nativeViews(options.inbox.data)
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#options.inbox.isEnded
  }

  frame(bytes: number): NativeBuffer {
    // The box may still be read; a frame written elsewhere is copied when it is sent.
    if (bytes <= this.#out.bytes.length && this.#options.outbox.isFree) return this.#out
    if (this.#reply.bytes.length < bytes) this.#reply = allocateNative(bytes)
    return this.#reply
  }

  send(frame: NativeBuffer, bytes: number): boolean {
    const { outbox, now, sendTimeoutMs, wake } = this.#options
    const deadline = now() + sendTimeoutMs
    for (let sent = 0; sent < bytes; ) {
      if (!this.#waitForRoom(deadline)) return false
      const piece = Math.min(bytes - sent, outbox.data.length)
      if (frame.address !== this.#out.address) {
        copyNative(this.#out.address, frame.address + BigInt(sent), piece)
      }
      outbox.put({ bytes: piece, frameBytes: bytes })
      wake()
      sent += piece
    }
    this.bytesSent += bytes
    return true
  }

  receive(timeoutMs: number): ReceivedFrame | undefined {
    const deadline = this.#options.now() + timeoutMs
    this.#release()
    const first = this.#await(deadline)
    if (first === undefined) return undefined
    const { bytes, frameBytes } = first
    if (bytes < HEADER_BYTES || frameBytes > FRAME_BYTES_MAX || bytes > this.#in.bytes.length) {
      throw new SputnikError('FRAME_INVALID', `a thread announced a frame of ${frameBytes} bytes`)
    }
    this.bytesReceived += frameBytes
    if (bytes < frameBytes) return this.#gather(frameBytes, deadline)
    this.#isHeld = true
    return { buffer: this.#in, bytes }
  }

  poll(): ReceivedFrame | 'gone' | undefined {
    return this.receive(0) ?? (this.isOpen ? undefined : 'gone')
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.outbox.end()
    this.#options.wake()
    this.#options.onClose()
  }

  #waitForRoom(deadline: number): boolean {
    const { outbox, now } = this.#options
    while (this.isOpen && !outbox.isFree) {
      const left = deadline - now()
      if (left <= 0) return false
      outbox.waitForRoom(left)
    }
    return this.isOpen
  }

  #await(deadline: number): { bytes: number; frameBytes: number } | undefined {
    const { inbox, now, spinUs } = this.#options
    const spinUntil = now() + spinUs / 1000
    for (;;) {
      const piece = inbox.peek()
      // What arrived before the end still counts.
      if (piece !== undefined) return piece
      if (!this.isOpen) return undefined
      const time = now()
      if (time >= deadline) return undefined
      if (time >= spinUntil) inbox.waitForPiece(Math.min(deadline - time, 0x7fff_ffff))
    }
  }

  #gather(frameBytes: number, deadline: number): ReceivedFrame | undefined {
    if (this.#large.bytes.length < frameBytes) this.#large = allocateNative(frameBytes)
    for (let got = 0; got < frameBytes; ) {
      const piece = this.#await(deadline)
      if (piece === undefined) return undefined
      copyNative(this.#large.address + BigInt(got), this.#in.address, piece.bytes)
      got += piece.bytes
      if (this.#options.inbox.take()) this.#options.wake()
    }
    return { buffer: this.#large, bytes: frameBytes }
  }

  /** The frame of the last receive is no longer used. */
  #release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    if (this.#options.inbox.take()) this.#options.wake()
  }
}

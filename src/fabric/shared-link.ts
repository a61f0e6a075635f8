/**
 * A link between processes of one host: dispatch and combine frames lie in shared memory,
 * everything else goes through the socket, which also tells when the peer is gone. Each direction
 * has a mailbox for one frame; that is enough, because a dispatch is answered before the next one
 * is sent.
 *
 * A mailbox: i32 number of the last frame, i32 its bytes, i32 whether the reader sleeps,
 * padding to 64 bytes, the frame.
 */
import { SputnikError } from '../base/errors.js'
import { copyNative } from '../native/libc.js'
import { type NativeBuffer, wrapNative } from '../native/memory.js'
import { FRAME, frameHeader, HEADER_BYTES, writeHeader } from './frame.js'
import type { Link, ReceivedFrame, Waits } from './link.js'
import { receiveFrom } from './receive.js'
import type { SocketLink } from './socket-link.js'

const NUMBER = 0
const BYTES = 1
const SLEEPS = 2
const FRAME_OFFSET = 64

export type SharedLinkOptions = {
  readonly socket: SocketLink
  /** Two mailboxes of equal size: from the head, then from the card. */
  readonly memory: NativeBuffer
  readonly isHead: boolean
  readonly spinUs: number
  readonly yield: () => void
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  /** Gives the memory back. */
  readonly release: () => void
}

/** Looks at the mailbox between two looks at the clock, and at the socket. */
const TRIES_PER_LOOK = 16

type Mailbox = { readonly state: Int32Array; readonly frame: NativeBuffer }

export class SharedLink implements Link {
  readonly waits: Waits
  readonly #options: SharedLinkOptions
  readonly #inbox: Mailbox
  readonly #outbox: Mailbox
  readonly #bell: NativeBuffer
  #seen: number
  /** Looks at the mailbox since the last one at the socket. */
  #tries = 0
  #isOpen = true
  #bytesSent = 0
  #bytesReceived = 0

  constructor(options: SharedLinkOptions) {
    const [fromHead, fromCard] = mailboxes(options.memory)
    this.#options = options
    this.#inbox = options.isHead ? fromCard : fromHead
    this.#outbox = options.isHead ? fromHead : fromCard
    this.#seen = Atomics.load(this.#inbox.state, NUMBER)
    this.#bell = options.socket.frame(HEADER_BYTES)
    this.waits = this.#waits()
  }

  /** Payload bytes, however they travelled; bells are not counted. */
  get bytesSent(): number {
    return this.#bytesSent
  }

  get bytesReceived(): number {
    return this.#bytesReceived
  }

  frame(bytes: number): NativeBuffer {
    const { frame } = this.#outbox
    return bytes <= frame.bytes.length ? frame : this.#options.socket.frame(bytes)
  }

  send(frame: NativeBuffer, bytes: number): boolean {
    if (!this.#isOpen) return false
    this.#bytesSent += bytes
    const kind = frame.view.getUint8(4)
    const isNumbers = kind === FRAME.dispatch || kind === FRAME.combine
    const fits = bytes <= this.#outbox.frame.bytes.length
    return isNumbers && fits ? this.#post(frame, bytes) : this.#options.socket.send(frame, bytes)
  }

  /** Looks at the mailbox; at the socket too, but not each time, because that costs much more. */
  poll(): ReceivedFrame | 'gone' | undefined {
    if (!this.#isOpen) return 'gone'
    const posted = this.#posted()
    if (posted !== undefined) return posted
    if (this.#tries++ % TRIES_PER_LOOK !== 0) return undefined
    const frame = this.#options.socket.poll()
    if (frame === undefined || frame === 'gone') return frame
    if (!isBell(frame)) return this.#count(frame)
    this.#tries = 0
    return this.#posted()
  }

  receive(timeoutMs: number): ReceivedFrame | undefined {
    return receiveFrom(this, this.#options, timeoutMs)
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.socket.close()
    this.#options.release()
  }

  #post(frame: NativeBuffer, bytes: number): boolean {
    const { state, frame: target } = this.#outbox
    if (frame.address !== target.address) copyNative(target.address, frame.address, bytes)
    Atomics.store(state, BYTES, bytes)
    Atomics.add(state, NUMBER, 1)
    if (Atomics.load(state, SLEEPS) === 0) return true
    writeHeader(this.#bell.view, BELL)
    return this.#options.socket.send(this.#bell, HEADER_BYTES)
  }

  #posted(): ReceivedFrame | undefined {
    const { state, frame } = this.#inbox
    const number = Atomics.load(state, NUMBER)
    if (number === this.#seen) return undefined
    this.#seen = number
    const bytes = Atomics.load(state, BYTES)
    if (bytes < HEADER_BYTES || bytes > frame.bytes.length) {
      throw new SputnikError('FRAME_INVALID', `a mailbox holds ${bytes} bytes`)
    }
    return this.#count({ buffer: frame, bytes })
  }

  #count(frame: ReceivedFrame): ReceivedFrame {
    this.#tries = 0
    this.#bytesReceived += frame.bytes
    return frame
  }

  /** Announces the sleep first, so that a frame posted meanwhile rings the bell. */
  #waits(): Waits {
    const { state } = this.#inbox
    const { waits } = this.#options.socket
    return {
      get fd() {
        return waits.fd
      },
      isWriting: false,
      doze: () => {
        if (!this.#isOpen) return false
        Atomics.store(state, SLEEPS, 1)
        return Atomics.load(state, NUMBER) === this.#seen
      },
      wake: () => {
        // The memory is gone with the link.
        if (this.#isOpen) Atomics.store(state, SLEEPS, 0)
        this.#tries = 0
      },
    }
  }
}

const BELL = frameHeader(FRAME.bell, { payloadBytes: 0 })

function isBell(frame: ReceivedFrame): boolean {
  return frame.buffer.view.getUint8(4) === FRAME.bell
}

/** Bytes of shared memory for frames of up to `frameBytes` in each direction. */
export function sharedBytes(frameBytes: number): number {
  return 2 * (FRAME_OFFSET + Math.ceil(frameBytes / 64) * 64)
}

function mailboxes(memory: NativeBuffer): [Mailbox, Mailbox] {
  const half = memory.bytes.length / 2
  const make = (offset: number): Mailbox => ({
    state: new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + offset, 3),
    frame: wrapNative(memory.address + BigInt(offset + FRAME_OFFSET), half - FRAME_OFFSET),
  })
  return [make(0), make(half)]
}

/**
 * The link to a peer on another host: frames over a channel that never waits, with credit for the
 * long ones. Owned by the thread that computes steps; the fabric thread keeps the lease and says in
 * shared memory when it has ended. Knows nothing of what frames mean, but for those about credit.
 */
import { SputnikError } from '../base/errors.js'
import type { Channel } from '../native/channel.js'
import type { NativeBuffer } from '../native/memory.js'
import { localSockets } from '../native/sockets.js'
import type { Arrived, Credits } from './credits.js'
import { FRAME, HEADER_BYTES, isTransfer, transferIn } from './frame.js'
import { FrameReader } from './frame-reader.js'
import { FrameWriter } from './frame-writer.js'
import type { Link, ReceivedFrame, Waits } from './link.js'
import { Credited, type LinkCredit, Uncredited } from './link-credit.js'
import type { PeerState } from './peer-state.js'
import { PieceJoiner } from './piece-joiner.js'
import { receiveFrom } from './receive.js'

export type DataLinkOptions = {
  /** Owned by the link from now on. */
  readonly channel: Channel
  readonly state: PeerState
  /** Without, every frame goes at once. */
  readonly credits?: Credits
  /** How long `receive` looks for a frame without sleeping. */
  readonly spinUs: number
  /** Longest time until the channel is open. */
  readonly openTimeoutMs: number
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  /** Once, with the reason a person would want to read, and what the peer is to be told. */
  readonly onEnd: (reason: string, told?: SputnikError) => void
}

/** Frames about credit in one look: a peer that sends nothing else must not hold others up. */
const FRAMES_PER_POLL = 64

export class DataLink implements Link {
  readonly waits: Waits
  readonly #options: DataLinkOptions
  readonly #reader: FrameReader
  readonly #writer: FrameWriter
  readonly #joiner = new PieceJoiner()
  readonly #credit: LinkCredit
  readonly #openUntil: number
  #isOpen = true
  /** Whether the channel lets bytes pass. */
  #isReady = false
  /** False when the peer is gone; what it had sent before may still be read. */
  #canSend = true
  /** Bytes of the frame under way that the credit knows of. */
  #counted = 0
  #heartbeats = 0

  constructor(options: DataLinkOptions) {
    const { channel, credits, now, openTimeoutMs } = options
    this.#options = options
    const { fd } = channel
    const link = {
      send: () => this.#flush(),
      comeBytes: () => channel.bytesTaken + (fd < 0 ? 0 : localSockets().unread(fd)),
      unackedBytes: () => (fd < 0 ? 0 : localSockets().unacked(fd)),
    }
    this.#credit = credits === undefined ? new Uncredited() : new Credited({ credits, now, link })
    this.#reader = new FrameReader(channel)
    this.#writer = new FrameWriter(channel, this.#credit)
    this.#openUntil = now() + openTimeoutMs
    this.waits = this.#waits()
  }

  /** The number of the peer in `Credits.request`. */
  get peer(): number {
    return this.#credit.peer
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#options.state.isEnded
  }

  /** Whether both ends have proven themselves; frames sent before wait for that. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Answers to heartbeats so far. */
  get heartbeats(): number {
    return this.#options.state.heartbeats
  }

  get roundTripUs(): number | undefined {
    return this.#options.state.roundTripUs
  }

  /** Bytes of frames that wait here, for room or for credit. */
  get backlogBytes(): number {
    return this.#writer.backlogBytes
  }

  get bytesSent(): number {
    return this.#writer.bytesSent
  }

  get bytesReceived(): number {
    return this.#reader.bytesReceived
  }

  frame(bytes: number): NativeBuffer {
    return this.#writer.frame(bytes)
  }

  send(frame: NativeBuffer, bytes: number): boolean {
    if (!this.isOpen || !this.#canSend) return false
    if (!this.#writer.add(frame, bytes)) this.#end('it does not take what it is sent')
    else this.#flush()
    return this.#isOpen && this.#canSend
  }

  poll(): ReceivedFrame | 'gone' | undefined {
    if (!this.#isOpen) return 'gone'
    try {
      return this.#isReady || this.#open() ? this.#look() : this.#idle()
    } catch (error) {
      if (!(error instanceof SputnikError)) throw error
      return this.#end(error.message)
    }
  }

  receive(timeoutMs: number): ReceivedFrame | undefined {
    const { now, spinUs } = this.#options
    return receiveFrom(this, { now, spinUs, yield: localSockets().yield }, timeoutMs)
  }

  /** With an error, the peer is told why. */
  close(told?: SputnikError): void {
    this.#end(told?.message ?? 'this side has closed it', told)
  }

  /** The first time through, what was sent before may go. */
  #open(): boolean {
    const { channel, now } = this.#options
    this.#isReady = channel.open()
    if (this.#isReady) this.#flush()
    else if (now() >= this.#openUntil) {
      throw new SputnikError('LINK_TIMEOUT', 'the other end did not open the data connection')
    }
    return this.#isReady
  }

  #look(): ReceivedFrame | 'gone' | undefined {
    if (this.#writer.isBlocked) this.#flush()
    for (let frames = 0; frames < FRAMES_PER_POLL && this.#isOpen; frames++) {
      const bytes = this.#reader.next()
      this.#count(bytes > 0)
      if (bytes < 0) return this.#end(this.#options.channel.reason)
      if (bytes === 0) return this.#idle()
      const frame = this.#accept(bytes)
      if (frame !== undefined) return frame
    }
    return this.#isOpen ? undefined : 'gone'
  }

  /** Nothing has come: time for what is not urgent. */
  #idle(): 'gone' | undefined {
    const { state, channel } = this.#options
    // What arrived before the end still counted.
    if (!this.#canSend) return this.#end(channel.reason)
    if (state.isEnded) return this.#end('its lease has ended')
    if (state.heartbeats !== this.#heartbeats) this.#noteRoundTrip()
    if (!this.#isReady) return undefined
    this.#credit.tick()
    this.#flush()
    return this.#isOpen ? undefined : 'gone'
  }

  /**
   * Heartbeats go through the event loops of two threads. Where the system knows the round trip of
   * the packets themselves, that is what a buffer of the network sees.
   */
  #noteRoundTrip(): void {
    this.#heartbeats = this.heartbeats
    const { fd } = this.#options.channel
    const ofPackets = fd < 0 ? undefined : localSockets().roundTripUs(fd)
    const ofThreads = this.roundTripUs ?? Number.POSITIVE_INFINITY
    this.#credit.roundTrip(Math.min(ofThreads, ofPackets ?? ofThreads))
  }

  /** Tells the credit of bytes of a dispatch or combine, also before all of it is here. */
  #count(isWhole: boolean): void {
    const { frame, filled, isHeaderHere } = this.#reader
    if (!isHeaderHere) return
    const kind = frame.view.getUint8(4)
    const isPiece = kind === FRAME.piece
    if (!isPiece && !isTransfer(kind)) return
    const bytes = isPiece ? filled - HEADER_BYTES : filled
    const transfer = transferIn(frame.view)
    const more = bytes - this.#counted
    this.#counted = isWhole ? 0 : bytes
    const isLast = isWhole && !isPiece
    if (more > 0 || isLast) this.#credit.arrived({ transfer, bytes: more, isLast })
  }

  /** A frame for the owner of the link; undefined when it was not for them, or not all of one. */
  #accept(bytes: number): ReceivedFrame | undefined {
    const { frame } = this.#reader
    const kind = frame.view.getUint8(4)
    if (kind === FRAME.credit) {
      this.#credit.receive(frame.bytes.subarray(0, bytes))
      this.#flush()
      return undefined
    }
    if (kind === FRAME.piece) {
      const whole = this.#joiner.add(frame, bytes)
      if (whole === 0) return undefined
      this.#credit.arrived(nothingMoreOf(frame.view))
      return { buffer: this.#joiner.frame, bytes: whole }
    }
    // Of a dispatch that failed no combine is to come.
    if (kind === FRAME.failed) this.#credit.arrived(nothingMoreOf(frame.view))
    if (isTransfer(kind) && !this.#joiner.isIdle) {
      throw new SputnikError('FRAME_INVALID', 'a frame came between the pieces of another')
    }
    return { buffer: frame, bytes }
  }

  #flush(): void {
    if (!this.#isOpen || !this.#isReady || !this.#canSend) return
    this.#canSend = this.#writer.flush()
    this.#credit.passTurns()
  }

  #end(reason: string, told?: SputnikError): 'gone' {
    if (!this.#isOpen) return 'gone'
    this.#isOpen = false
    this.#credit.close()
    this.#options.channel.close()
    this.#options.onEnd(reason, told)
    return 'gone'
  }

  #waits(): Waits {
    const link = this
    return {
      get fd() {
        return link.#isOpen ? link.#options.channel.fd : -1
      },
      get isWriting() {
        return link.#writer.isBlocked
      },
      get limitMs() {
        return link.#isReady ? link.#credit.idleMs : Number.POSITIVE_INFINITY
      },
      doze: () => link.isOpen && link.#canSend && (!link.#isReady || link.#reader.isDrained),
      wake: () => {},
    }
  }
}

function nothingMoreOf(view: DataView): Arrived {
  return { transfer: transferIn(view), bytes: 0, isLast: true }
}

/**
 * The fabric thread's end of a `ThreadLink`: takes frames out of one box and puts frames into the
 * other without ever blocking. Knows nothing of sockets. Uses no native code, which must not be
 * called from this thread.
 */
import { SputnikError } from '../base/errors.js'
import type { ThreadBox } from './thread-box.js'

/** Frames that wait for the main thread; a peer that sends more is not waited for. */
const QUEUE_BYTES_MAX = 1 << 30
const QUEUE_FRAMES_MAX = 1024

export type ThreadPortOptions = {
  readonly inbox: ThreadBox
  readonly outbox: ThreadBox
  /** A piece of a frame of the main thread, valid during the call; false: not now, ask again. */
  readonly onPiece: (piece: Uint8Array, frameBytes: number) => boolean
}

export class ThreadPort {
  readonly #options: ThreadPortOptions
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  /** Of the first frame of the queue. */
  #sent = 0

  constructor(options: ThreadPortOptions) {
    this.#options = options
  }

  /** Has the main thread ended the link? */
  get isEnded(): boolean {
    return this.#options.inbox.isEnded
  }

  /** Looks at both boxes; to be called when woken and when the socket has room again. */
  turn(): void {
    this.#takeAll()
    this.#putAll()
  }

  /** A whole frame for the main thread, which may be kept. @throws SputnikError QUEUE_FULL */
  deliver(frame: Uint8Array): void {
    this.#queuedBytes += frame.length
    if (this.#queue.length >= QUEUE_FRAMES_MAX || this.#queuedBytes > QUEUE_BYTES_MAX) {
      throw new SputnikError('FRAME_INVALID', 'a peer sends more than it was asked for')
    }
    this.#queue.push(frame)
    this.#putAll()
  }

  /** The peer is gone; the main thread gets what has arrived, then the end. */
  end(): void {
    this.#putAll()
    this.#options.outbox.end()
  }

  #takeAll(): void {
    const { inbox, onPiece } = this.#options
    for (;;) {
      const piece = inbox.peek()
      if (piece === undefined) return
      if (!onPiece(inbox.data.subarray(0, piece.bytes), piece.frameBytes)) return
      inbox.take()
    }
  }

  #putAll(): void {
    const { outbox } = this.#options
    for (;;) {
      const [frame] = this.#queue
      if (frame === undefined) return
      if (!outbox.isFree && outbox.want()) return
      const bytes = Math.min(frame.length - this.#sent, outbox.data.length)
      outbox.data.set(frame.subarray(this.#sent, this.#sent + bytes))
      outbox.put({ bytes, frameBytes: frame.length })
      this.#sent += bytes
      if (this.#sent < frame.length) continue
      this.#queue.shift()
      this.#queuedBytes -= frame.length
      this.#sent = 0
    }
  }
}

/**
 * Cuts a stream of bytes into frames and writes frames, in plain memory of the JavaScript heap.
 * Knows nothing of sockets and of what frames mean.
 *
 * Memory is taken as bytes arrive, never as announced: whole chunks are kept as they are, small
 * ones are gathered, and a frame that came in several pieces is copied once, when it is whole.
 */
import { assert } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import {
  FRAME_BYTES_MAX,
  type FrameHeader,
  HEADER_BYTES,
  readHeader,
  writeHeader,
} from './frame.js'

export type Frame = {
  readonly header: FrameHeader
  /** Header and payload; may be a view of a received chunk. */
  readonly bytes: Uint8Array
  /** A view of `bytes`. */
  readonly payload: Uint8Array
}

export type FrameStreamOptions = {
  /** Most payload bytes of a frame; raise it with `allow` once the peer is trusted. */
  readonly payloadBytesMax: number
}

/** Chunks below this are gathered, because an array entry for each would cost more than they do. */
const CHUNK_BYTES_MIN = 1024
const GATHER_BYTES = 16_384

export class FrameStream {
  /** What came and was not taken yet, in order; the last one may lie in `#gather`. */
  #parts: Uint8Array[] = []
  #queuedBytes = 0
  #gather = new Uint8Array(0)
  #gathered = 0
  #header: FrameHeader | undefined
  #payloadBytesMax: number
  #error: SputnikError | undefined

  constructor({ payloadBytesMax }: FrameStreamOptions) {
    this.#payloadBytesMax = checkLimit(payloadBytesMax)
  }

  /** Bytes that came and belong to no frame yet. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Changes the limit for frames whose header was not read yet. */
  allow(payloadBytesMax: number): void {
    this.#payloadBytesMax = checkLimit(payloadBytesMax)
  }

  /**
   * Takes the bytes and returns the frames they complete. The chunk may be kept, so its owner must
   * not write to it again.
   * @throws SputnikError FRAME_INVALID for a frame beyond the limit, and ever after
   */
  push(chunk: Uint8Array): Frame[] {
    this.feed(chunk)
    const frames: Frame[] = []
    for (let frame = this.next(); frame !== undefined; frame = this.next()) frames.push(frame)
    return frames
  }

  /** Takes the bytes only, for a caller that may `allow` more between two frames. */
  feed(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#error !== undefined) return
    this.#queuedBytes += chunk.length
    if (chunk.length < CHUNK_BYTES_MIN) this.#gatherSmall(chunk)
    else this.#parts.push(chunk)
  }

  /** The next whole frame. @throws SputnikError FRAME_INVALID */
  next(): Frame | undefined {
    const header = this.#readHeader()
    if (header === undefined) return undefined
    const frameBytes = HEADER_BYTES + header.payloadBytes
    if (this.#queuedBytes < frameBytes) return undefined
    this.#header = undefined
    const bytes = this.#take(frameBytes)
    return { header, bytes, payload: bytes.subarray(HEADER_BYTES) }
  }

  #readHeader(): FrameHeader | undefined {
    if (this.#error !== undefined) throw this.#error
    if (this.#header !== undefined) return this.#header
    if (this.#queuedBytes < HEADER_BYTES) return undefined
    const header = this.#checked(() => readHeader(viewOf(this.#peek(HEADER_BYTES))))
    this.#header = header
    return header
  }

  #checked(read: () => FrameHeader): FrameHeader {
    try {
      const header = read()
      if (header.payloadBytes <= this.#payloadBytesMax) return header
      const { payloadBytes } = header
      throw new SputnikError('FRAME_INVALID', `a frame of ${payloadBytes} bytes was announced`)
    } catch (error) {
      if (error instanceof SputnikError) this.#fail(error)
      throw error
    }
  }

  /** Where a wrong frame ends cannot be known, so nothing after it can be read. */
  #fail(error: SputnikError): void {
    this.#error = error
    this.#parts = []
    this.#gather = new Uint8Array(0)
    this.#queuedBytes = 0
  }

  /** Small chunks that follow each other share one part. */
  #gatherSmall(chunk: Uint8Array): void {
    const last = this.#parts.at(-1)
    const room = this.#gather.length - this.#gathered
    if (room < chunk.length) {
      this.#gather = new Uint8Array(GATHER_BYTES)
      this.#gathered = 0
    }
    const start = this.#gathered
    this.#gather.set(chunk, start)
    this.#gathered += chunk.length
    const isNext =
      last?.buffer === this.#gather.buffer && last.byteOffset + last.byteLength === start
    if (!isNext) this.#parts.push(this.#gather.subarray(start, this.#gathered))
    else
      this.#parts[this.#parts.length - 1] = this.#gather.subarray(last.byteOffset, this.#gathered)
  }

  /** The first `count` bytes, which stay queued. */
  #peek(count: number): Uint8Array {
    const first = this.#parts[0]
    if (first !== undefined && first.length >= count) return first.subarray(0, count)
    const bytes = new Uint8Array(count)
    let filled = 0
    for (const part of this.#parts) {
      const piece = part.subarray(0, count - filled)
      bytes.set(piece, filled)
      filled += piece.length
      if (filled === count) break
    }
    return bytes
  }

  #take(count: number): Uint8Array {
    const bytes = this.#peek(count)
    this.#queuedBytes -= count
    let left = count
    let whole = 0
    for (const part of this.#parts) {
      if (part.length > left) break
      left -= part.length
      whole++
    }
    this.#parts.splice(0, whole)
    const rest = this.#parts[0]
    if (left > 0 && rest !== undefined) this.#parts[0] = rest.subarray(left)
    return bytes
  }
}

/** The bytes of a header alone, to be sent before a large payload that nobody wants to copy. */
export function encodeHeader(header: FrameHeader): Uint8Array {
  assert(header.payloadBytes <= FRAME_BYTES_MAX, 'a frame beyond the limit')
  const bytes = new Uint8Array(HEADER_BYTES)
  writeHeader(viewOf(bytes), header)
  return bytes
}

/** A whole frame; copies the payload. */
export function encodeFrame(header: FrameHeader, payload: Uint8Array): Uint8Array {
  assert(header.payloadBytes === payload.length, 'a header of another payload')
  const bytes = new Uint8Array(HEADER_BYTES + payload.length)
  bytes.set(encodeHeader(header))
  bytes.set(payload, HEADER_BYTES)
  return bytes
}

function checkLimit(payloadBytesMax: number): number {
  assert(payloadBytesMax >= 0 && payloadBytesMax <= FRAME_BYTES_MAX, 'a limit beyond any frame')
  return payloadBytesMax
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

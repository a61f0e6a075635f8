/**
 * Cuts what comes over a channel into frames, each in native memory that starts where a frame
 * starts. Small frames are read together with what follows them, large ones straight to their
 * place; memory is taken as bytes arrive, never as announced. Knows nothing of what frames mean.
 */
import { assert } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { Channel } from '../native/channel.js'
import { allocateCollected, type NativeBuffer } from '../native/memory.js'
import { FRAME_BYTES_MAX, HEADER_BYTES } from './frame.js'

const RAW_BYTES = 1 << 14
/** What is missing of a frame is read to its place when it is at least so much. */
const IN_PLACE_BYTES = 1 << 15
const FRAME_BYTES_FIRST = 1 << 12
/** Least room to grow by. */
const GROWTH_BYTES = 1 << 20

export class FrameReader {
  readonly #channel: Channel
  readonly #raw = allocateCollected(RAW_BYTES)
  /** What lies in `#raw` and belongs to frames to come. */
  #start = 0
  #end = 0
  #frame = allocateCollected(FRAME_BYTES_FIRST)
  #filled = 0
  /** Of the whole frame; 0 until its header is here. */
  #total = 0
  #isWhole = false
  #isDrained = false
  bytesReceived = 0

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** The frame that is here or on its way, until the next call of `next`. */
  get frame(): NativeBuffer {
    return this.#frame
  }

  /** Bytes of it that are here. */
  get filled(): number {
    return this.#filled
  }

  get isHeaderHere(): boolean {
    return this.#total > 0
  }

  /** True when the channel had nothing more the last time it was asked. */
  get isDrained(): boolean {
    return this.#isDrained
  }

  /**
   * Bytes of the next whole frame; 0 while it is not here, -1 when the peer is gone.
   * @throws SputnikError FRAME_INVALID
   */
  next(): number {
    if (this.#isWhole) this.#begin()
    while (!this.#fill()) {
      const got = this.#read()
      if (got <= 0) return got
    }
    this.#isWhole = true
    this.#isDrained = false
    return this.#filled
  }

  #begin(): void {
    this.#isWhole = false
    this.#filled = 0
    this.#total = 0
  }

  /** Takes what was read ahead; true when the frame is whole. */
  #fill(): boolean {
    if (this.#total === 0) {
      this.#take(HEADER_BYTES)
      if (this.#filled < HEADER_BYTES) return false
      this.#total = HEADER_BYTES + payloadBytesIn(this.#frame.view)
    }
    this.#take(this.#total)
    return this.#filled === this.#total
  }

  #take(wanted: number): void {
    const bytes = Math.min(wanted - this.#filled, this.#end - this.#start)
    if (bytes <= 0) return
    this.#reserve(this.#filled + bytes)
    const part = this.#raw.bytes.subarray(this.#start, this.#start + bytes)
    this.#frame.bytes.set(part, this.#filled)
    this.#filled += bytes
    this.#start += bytes
  }

  #read(): number {
    assert(this.#start === this.#end, 'what was read ahead is used first')
    const missing = this.#total - this.#filled
    const got = missing >= IN_PLACE_BYTES ? this.#readInPlace(missing) : this.#readAhead()
    this.#isDrained = got === 0
    if (got > 0) this.bytesReceived += got
    return got
  }

  #readInPlace(missing: number): number {
    const room = Math.max(this.#filled, GROWTH_BYTES)
    this.#reserve(this.#filled + Math.min(missing, room))
    const bytes = Math.min(missing, this.#frame.bytes.length - this.#filled)
    const got = this.#channel.read(this.#frame.address + BigInt(this.#filled), bytes)
    if (got > 0) this.#filled += got
    return got
  }

  #readAhead(): number {
    const got = this.#channel.read(this.#raw.address, RAW_BYTES)
    this.#start = 0
    this.#end = Math.max(0, got)
    return got
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#frame.bytes.length) return
    const grown = allocateCollected(bytes + (bytes >> 2))
    grown.bytes.set(this.#frame.bytes.subarray(0, this.#filled))
    this.#frame = grown
  }
}

/** @throws SputnikError FRAME_INVALID when the length is beyond what any frame may have */
export function payloadBytesIn(view: DataView): number {
  const bytes = view.getUint32(0, true)
  if (bytes <= FRAME_BYTES_MAX) return bytes
  throw new SputnikError('FRAME_INVALID', `a frame of ${bytes} bytes was announced`)
}

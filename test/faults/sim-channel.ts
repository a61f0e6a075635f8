/**
 * One end of a connection as a data link sees it: bytes that come and go in order. What is sent and
 * not read takes room, as in the buffers of sockets.
 */

import type { Channel } from '../../src/native/channel.js'
import { copyNative } from '../../src/native/libc.js'
import type { NativeBuffer, Pointer } from '../../src/native/memory.js'
import { giveFrame, takeFrame } from './frames.js'
import type { SimProcess } from './sim-process.js'
import { must } from './violation.js'

export type Chunk = { readonly buffer: NativeBuffer; readonly bytes: number; from: number }

/** The end of the stream, after all that was sent before. */
export const END = 'end'
export type Sent = Chunk | typeof END

export type SimChannelOptions = {
  readonly process: SimProcess
  /** Of the buffers of both sockets. */
  readonly bufferBytes: number
  readonly send: (sent: Sent, bytes: number) => void
  /** The other end has read so many bytes. */
  readonly onRead: (bytes: number) => void
  /** There may be room for what waits. */
  readonly onRoom: () => void
}

export class SimChannel implements Channel {
  readonly fd = -1
  readonly reason = 'the connection was closed'
  bytesTaken = 0
  readonly #options: SimChannelOptions
  #inbox: Sent[] = []
  /** Sent and not read. */
  #underWay = 0
  #isClosed = false

  constructor(options: SimChannelOptions) {
    this.#options = options
  }

  /** Bytes on their way to the other end. */
  get underWay(): number {
    return this.#underWay
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  open(): boolean {
    return true
  }

  read(address: Pointer, bytes: number): number {
    const [first] = this.#inbox
    if (first === undefined) return 0
    if (first === END) return -1
    const count = Math.min(bytes, first.bytes - first.from)
    copyNative(address, first.buffer.address + BigInt(first.from), count)
    first.from += count
    this.bytesTaken += count
    this.#options.onRead(count)
    if (first.from === first.bytes) {
      this.#inbox.shift()
      giveFrame(first.buffer)
    }
    return count
  }

  write(address: Pointer, bytes: number): number {
    if (this.#isClosed) return -1
    const count = Math.min(bytes, this.#options.bufferBytes - this.#underWay)
    if (count <= 0) return 0
    const buffer = takeFrame(count)
    copyNative(buffer.address, address, count)
    this.#underWay += count
    this.#options.send({ buffer, bytes: count, from: 0 }, count)
    return count
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#inbox = []
    this.#options.send(END, 1)
  }

  /** The connection is gone and what was under way with it. */
  break(): void {
    if (!this.#isClosed) this.arrive(END)
  }

  arrive(sent: Sent): void {
    if (this.#isClosed) return
    this.#inbox.push(sent)
    this.#options.process.wake()
  }

  /** The other end has read it, so there is room again. */
  free(bytes: number): void {
    must(bytes <= this.#underWay, 'bytes arrive once', () => `${bytes} of ${this.#underWay}`)
    this.#underWay -= bytes
    this.#options.onRoom()
  }
}

/**
 * Two ends of a channel in memory: each call moves as many bytes as a random number allows, never
 * more than the pipe holds. What went through can be counted and spoiled.
 */
import { defined } from '../../src/base/assert.js'
import type { Prng } from '../../src/base/prng.js'
import type { Channel } from '../../src/native/channel.js'
import { copyNative } from '../../src/native/libc.js'
import { nativeViews, type Pointer, readNative } from '../../src/native/memory.js'

export class Pipe {
  readonly #capacity: number
  #chunks: Uint8Array[] = []
  bytes = 0
  isClosed = false

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get room(): number {
    return this.#capacity - this.bytes
  }

  put(bytes: Uint8Array): void {
    this.#chunks.push(Uint8Array.from(bytes))
    this.bytes += bytes.length
  }

  take(most: number): Uint8Array {
    const first = defined(this.#chunks[0], 'a chunk')
    const part = first.subarray(0, most)
    if (part.length === first.length) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(part.length)
    this.bytes -= part.length
    return part
  }
}

export class MemoryChannel implements Channel {
  readonly fd = -1
  bytesTaken = 0
  readonly reason = 'the pipe was closed'
  readonly #from: Pipe
  readonly #to: Pipe
  readonly #random: Prng | undefined
  writes = 0

  constructor(from: Pipe, to: Pipe, random?: Prng) {
    this.#from = from
    this.#to = to
    this.#random = random
  }

  open(): boolean {
    return true
  }

  read(address: Pointer, bytes: number): number {
    const most = this.#some(Math.min(bytes, this.#from.bytes))
    if (most === 0) return this.#from.bytes === 0 && this.#from.isClosed ? -1 : 0
    const part = this.#from.take(most)
    copyNative(address, nativeViews(part.slice()).address, part.length)
    this.bytesTaken += part.length
    return part.length
  }

  write(address: Pointer, bytes: number): number {
    if (this.#to.isClosed) return -1
    const count = this.#some(Math.min(bytes, this.#to.room))
    if (count > 0) this.#to.put(readNative(address, count))
    this.writes++
    return count
  }

  close(): void {
    this.#from.isClosed = true
    this.#to.isClosed = true
  }

  /** All, or any smaller number, or none: often small ones. */
  #some(most: number): number {
    const random = this.#random
    if (random === undefined || most === 0) return most
    return Math.min(most, random.nextBelow(1 << random.nextBelow(18)))
  }
}

export function memoryPair(capacity: number, random?: Prng): [MemoryChannel, MemoryChannel] {
  const [over, back] = [new Pipe(capacity), new Pipe(capacity)]
  return [new MemoryChannel(back, over, random), new MemoryChannel(over, back, random)]
}

/**
 * A forward cursor over a file descriptor with one bounded buffer: every read is checked against
 * the real length of the file before anything is allocated. Knows nothing of the GGUF layout.
 */

import { readSync } from 'node:fs'
import type { SputnikError } from '../base/errors.js'
import type { OpenFile } from './file.js'
import { beyondLimit, invalidFile } from './file.js'

const WINDOW_BYTES = 256 * 1024

export class FileCursor {
  readonly path: string
  readonly sizeBytes: number
  /** What is being read, for messages. */
  what = 'the header'
  readonly #fd: number
  #window: Buffer
  #windowStart = 0
  #position: number

  constructor(file: OpenFile, position = 0) {
    this.#fd = file.fd
    this.path = file.path
    this.sizeBytes = file.sizeBytes
    this.#window = Buffer.alloc(0)
    this.#position = position
  }

  get position(): number {
    return this.#position
  }

  get remainingBytes(): number {
    return this.sizeBytes - this.#position
  }

  invalid(problem: string): SputnikError {
    return invalidFile(this.path, problem)
  }

  limit(problem: string): SputnikError {
    return beyondLimit(this.path, problem)
  }

  u8(): number {
    const at = this.#ensure(1)
    return this.#window.readUInt8(at)
  }

  u16(): number {
    const at = this.#ensure(2)
    return this.#window.readUInt16LE(at)
  }

  u32(): number {
    const at = this.#ensure(4)
    return this.#window.readUInt32LE(at)
  }

  u64(): bigint {
    const at = this.#ensure(8)
    return this.#window.readBigUInt64LE(at)
  }

  /** A 64-bit count, length or size: one beyond the exact range of a double fits no file. */
  size(): number {
    const value = this.u64()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw this.invalid(`${this.what} states a size of ${value}, larger than any file`)
    }
    return Number(value)
  }

  /** The next `length` bytes, valid until the next read. */
  bytes(length: number): Buffer {
    const at = this.#ensure(length)
    return this.#window.subarray(at, at + length)
  }

  skip(length: number): void {
    this.#check(length)
    this.#position += length
  }

  #check(length: number): void {
    if (length <= this.remainingBytes) return
    throw this.invalid(
      `the file ends inside ${this.what}: ${length} bytes needed at offset ${this.#position}, ` +
        `${this.remainingBytes} left`,
    )
  }

  /** Makes the next `length` bytes present, moves past them, returns their place in the window. */
  #ensure(length: number): number {
    this.#check(length)
    const at = this.#position - this.#windowStart
    const inside = at >= 0 && at + length <= this.#window.length
    if (!inside) this.#fill(length)
    const start = this.#position - this.#windowStart
    this.#position += length
    return start
  }

  #fill(length: number): void {
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.remainingBytes)
    const window = Buffer.allocUnsafe(wanted)
    const read = readFully(this.#fd, { window, position: this.#position })
    if (read < length) throw this.invalid(`the file shrank while ${this.what} was being read`)
    this.#window = window.subarray(0, read)
    this.#windowStart = this.#position
  }
}

function readFully(fd: number, into: { window: Buffer; position: number }): number {
  let done = 0
  while (done < into.window.length) {
    const left = into.window.length - done
    const read = readSync(fd, into.window, done, left, into.position + done)
    if (read === 0) break
    done += read
  }
  return done
}

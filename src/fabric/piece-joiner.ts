/**
 * Puts the pieces of a dispatch or combine together. A piece is a header, with the step and attempt
 * of the whole, and the next bytes of the whole frame, whose own header comes first. Memory is
 * taken as bytes arrive. Knows nothing of credit.
 */
import { SputnikError } from '../base/errors.js'
import { copyNative } from '../native/libc.js'
import { allocateCollected, type NativeBuffer } from '../native/memory.js'
import { HEADER_BYTES, isTransfer, transferIn } from './frame.js'
import { payloadBytesIn } from './frame-reader.js'

export class PieceJoiner {
  #frame: NativeBuffer = allocateCollected(HEADER_BYTES)
  #filled = 0
  /** Of the whole frame; 0 until its header is here. */
  #total = 0
  #transfer = 0

  /** The frame whose last piece came, until the next one. */
  get frame(): NativeBuffer {
    return this.#frame
  }

  /** False between the first and the last piece of a frame. */
  get isIdle(): boolean {
    return this.#filled === 0
  }

  /** Bytes of the whole frame when this was its last piece, otherwise 0. @throws FRAME_INVALID */
  add(piece: NativeBuffer, bytes: number): number {
    const part = bytes - HEADER_BYTES
    const transfer = transferIn(piece.view)
    check(part > 0, 'empty')
    check(this.isIdle || transfer === this.#transfer, 'of another frame than the one before it')
    this.#transfer = transfer
    this.#append(piece, part)
    if (this.#total === 0 && this.#filled >= HEADER_BYTES) this.#readHeader()
    if (this.#total === 0) return 0
    check(this.#filled <= this.#total, 'longer than its frame')
    if (this.#filled < this.#total) return 0
    const whole = this.#filled
    this.#filled = 0
    this.#total = 0
    return whole
  }

  #append(piece: NativeBuffer, part: number): void {
    this.#reserve(this.#filled + part)
    const target = this.#frame.address + BigInt(this.#filled)
    copyNative(target, piece.address + BigInt(HEADER_BYTES), part)
    this.#filled += part
  }

  #readHeader(): void {
    const { view } = this.#frame
    check(isTransfer(view.getUint8(4)), 'of a frame that needs no credit')
    check(transferIn(view) === this.#transfer, 'of another frame than it says')
    this.#total = HEADER_BYTES + payloadBytesIn(view)
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#frame.bytes.length) return
    const grown = allocateCollected(2 * bytes)
    grown.bytes.set(this.#frame.bytes.subarray(0, this.#filled))
    this.#frame = grown
  }
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new SputnikError('FRAME_INVALID', `a piece is ${what}`)
}

/**
 * Puts the answers of several cards to one dispatch together: sums are added in the order of cards,
 * whatever order they come in, and encoded once; rows of pairs go where the dispatch has the pairs.
 */
import { assert, defined } from '../base/assert.js'
import { combineBytes, type Dispatch } from '../fabric/dispatch.js'
import { encodedRowBytes, encodeRows, encodingId } from '../fabric/encoding.js'
import { FRAME, type FrameHeader, HEADER_BYTES, writeHeader } from '../fabric/frame.js'
import type { ReceivedFrame } from '../fabric/link.js'
import type { NativeBuffer } from '../native/memory.js'
import type { FramePool } from './frame-pool.js'
import type { Share } from './split.js'

const FLOAT_BYTES = 4

export type CombineOptions = {
  readonly header: FrameHeader
  readonly dispatch: Pick<Dispatch, 'tokens' | 'pairs' | 'isSummed' | 'replyEncoding'>
  readonly nOut: number
  readonly shares: readonly Share[]
  readonly pool: FramePool
}

type Kept = { readonly buffer: NativeBuffer; readonly bytes: number }

export class Combine {
  readonly #options: CombineOptions
  readonly #rowBytes: number
  /** f32 sums of all tokens, or the rows of all pairs as they are to be sent. */
  readonly #rows: NativeBuffer
  /** Where rows begin in `#rows`: behind the header when they are sent from there. */
  readonly #start: number
  /** Tokens that have a sum already. */
  readonly #hasSum: Uint8Array
  /** Answers that came before their turn. */
  readonly #early = new Map<number, Kept>()
  #next = 0

  constructor(options: CombineOptions) {
    const { dispatch, nOut, pool } = options
    const { tokens, pairs, isSummed, replyEncoding } = dispatch
    this.#options = options
    this.#rowBytes = isSummed ? FLOAT_BYTES * nOut : encodedRowBytes(replyEncoding, nOut)
    this.#start = isSummed ? 0 : HEADER_BYTES
    this.#rows = pool.take(this.#start + (isSummed ? tokens : pairs) * this.#rowBytes)
    this.#hasSum = new Uint8Array(tokens)
  }

  /** Bytes of the whole frame that answers a share. */
  answerBytes(share: number): number {
    const { shares, dispatch } = this.#options
    const { tokens, pairs } = defined(shares[share], 'a share')
    return combineBytes((dispatch.isSummed ? tokens : pairs).length, this.#rowBytes)
  }

  get isDone(): boolean {
    return this.#next === this.#options.shares.length
  }

  /** The answer to a share, which need not be its turn. */
  take(share: number, frame: ReceivedFrame): void {
    assert(share >= this.#next && !this.#early.has(share), 'a share is answered twice')
    if (share > this.#next) {
      this.#early.set(share, this.#keep(frame))
      return
    }
    this.#put(share, frame)
    this.#next++
    for (let early = this.#early.get(this.#next); early; early = this.#early.get(this.#next)) {
      this.#put(this.#next, early)
      this.#options.pool.giveBack(early.buffer)
      this.#early.delete(this.#next++)
    }
  }

  /** The whole answer, in memory of the pool. */
  finish(computeUs: number): Kept {
    assert(this.isDone, 'not all shares are answered')
    const { dispatch, nOut, pool, header } = this.#options
    const { tokens, pairs, isSummed, replyEncoding } = dispatch
    const rows = isSummed ? tokens : pairs
    const bytes = combineBytes(rows, encodedRowBytes(replyEncoding, nOut))
    const buffer = isSummed ? pool.take(bytes) : this.#rows
    writeHeader(buffer.view, {
      ...header,
      kind: FRAME.combine,
      payloadBytes: bytes - HEADER_BYTES,
      encoding: encodingId(replyEncoding),
      computeUs,
    })
    if (isSummed) {
      const sums = { address: this.#rows.address, count: tokens, width: nOut }
      encodeRows(replyEncoding, sums, buffer.address + BigInt(HEADER_BYTES))
      pool.giveBack(this.#rows)
    }
    return { buffer, bytes }
  }

  /** Nobody wants the answer any more. */
  drop(): void {
    for (const { buffer } of this.#early.values()) this.#options.pool.giveBack(buffer)
    this.#early.clear()
    this.#options.pool.giveBack(this.#rows)
  }

  #keep({ buffer, bytes }: ReceivedFrame): Kept {
    const copy = this.#options.pool.take(bytes)
    copy.bytes.set(buffer.bytes.subarray(0, bytes))
    return { buffer: copy, bytes }
  }

  #put(index: number, { buffer }: Kept): void {
    const share = defined(this.#options.shares[index], 'a share')
    if (this.#options.dispatch.isSummed) this.#add(share, buffer)
    else this.#place(share, buffer)
  }

  #add({ tokens }: Share, { f32 }: NativeBuffer): void {
    const width = this.#options.nOut
    const sums = this.#rows.f32
    tokens.forEach((token, at) => {
      const source = HEADER_BYTES / FLOAT_BYTES + at * width
      const target = token * width
      if (this.#hasSum[token] === 0) sums.set(f32.subarray(source, source + width), target)
      else for (let i = 0; i < width; i++) add(sums, target + i, f32[source + i])
      this.#hasSum[token] = 1
    })
  }

  #place({ pairs }: Share, { bytes }: NativeBuffer): void {
    pairs.forEach((pair, at) => {
      const from = HEADER_BYTES + at * this.#rowBytes
      const row = bytes.subarray(from, from + this.#rowBytes)
      this.#rows.bytes.set(row, this.#start + pair * this.#rowBytes)
    })
  }
}

function add(sums: Float32Array, at: number, value: number | undefined): void {
  sums[at] = (sums[at] ?? 0) + (value ?? 0)
}

/**
 * Payloads of dispatch and combine. A dispatch carries each token once, with the experts it wants
 * here and their router weights; a combine carries one summed row per token, in the same order, or
 * on demand one weighted row per (token, expert) pair.
 *
 * Dispatch: u16 experts per token [tokens], u16 expert [pairs], f32 weight [pairs], rows [tokens].
 * Each part starts at a multiple of 4, the rows at a multiple of 16 bytes from the frame's start.
 *
 * Positions are plain offsets into the frame, because this is read and written once per layer of
 * every token and must not allocate.
 */
import { SputnikError } from '../base/errors.js'
import type { NativeBuffer } from '../native/memory.js'
import { dispatchLayout } from './dispatch-layout.js'
import { type Encoding, encodedRowBytes, encodingFor, encodingId, encodingOf } from './encoding.js'
import { type FrameHeader, HEADER_BYTES } from './frame.js'

export {
  combineBytes,
  type DispatchLayout,
  dispatchLayout,
} from './dispatch-layout.js'

/** A dispatch inside a frame: where its parts begin, as indices of the frame's own views. */
export type Dispatch = {
  readonly frame: NativeBuffer
  readonly tokens: number
  readonly pairs: number
  readonly encoding: Encoding
  /** Encoding wanted for the combine. */
  readonly replyEncoding: Encoding
  /** Whether the combine has a row per token, summed, or a row per pair. */
  readonly isSummed: boolean
  /** Index into `frame.u16` of the first token's number of experts. */
  readonly counts: number
  /** Index into `frame.u16` of the first pair's expert. */
  readonly experts: number
  /** Index into `frame.f32` of the first pair's weight. */
  readonly weights: number
  /** Byte offset of the first encoded row. */
  readonly rows: number
}

/** Widths of the rows of a region, and the most experts per token. */
export type DispatchBounds = {
  readonly nEmbd: number
  readonly nOut: number
  readonly nUsed: number
}

/**
 * Reads and checks the shape of a dispatch. Expert numbers are checked where they are looked up.
 * @throws SputnikError FRAME_INVALID
 */
export function readDispatch(
  frame: NativeBuffer,
  { bytes, header, bounds }: { bytes: number; header: FrameHeader; bounds: DispatchBounds },
): Dispatch {
  const { tokens } = header
  const encoding = encodingFitting(header.encoding & 0xf, bounds.nEmbd)
  const replyEncoding = encodingFitting((header.encoding & ~UNSUMMED) >> 4, bounds.nOut)
  const rowBytes = encodedRowBytes(encoding, bounds.nEmbd)
  const counts = HEADER_BYTES >> 1
  check(tokens > 0 && bytes >= HEADER_BYTES + tokens * (2 + rowBytes), 'too short')
  let pairs = 0
  for (let token = 0; token < tokens; token++) {
    const count = frame.u16[counts + token] ?? 0
    check(count > 0 && count <= bounds.nUsed, 'asking for too many experts or none')
    pairs += count
  }
  const layout = dispatchLayout({ tokens, pairs, rowBytes })
  check(bytes === layout.bytes, 'not of the length its tokens make')
  return {
    frame,
    tokens,
    pairs,
    encoding,
    replyEncoding,
    isSummed: (header.encoding & UNSUMMED) === 0,
    counts,
    experts: layout.experts >> 1,
    weights: layout.weights >> 2,
    rows: layout.rows,
  }
}

function encodingFitting(id: number, width: number): Encoding {
  const encoding = encodingOf(id)
  check(encodingFor(encoding, width) === encoding, `in blocks that rows of ${width} do not fill`)
  return encoding
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new SputnikError('FRAME_INVALID', `a dispatch is ${what}`)
}

/** Bit of a dispatch's encoding byte that asks for a row per pair. */
const UNSUMMED = 0x80

export type WireFormat = {
  readonly dispatch: Encoding
  readonly combine: Encoding
  /** Whether cards add the experts of a token, or send each one's row. */
  readonly isSummed: boolean
}

/** What a dispatch is and what it asks for, in one byte of the header. */
export function encodingByte({ dispatch, combine, isSummed }: WireFormat): number {
  return encodingId(dispatch) | (encodingId(combine) << 4) | (isSummed ? 0 : UNSUMMED)
}

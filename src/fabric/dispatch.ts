/**
 * Payloads of dispatch and combine. A dispatch carries each token once, with the experts it wants
 * here and their router weights; a combine carries one summed row per token, in the same order.
 *
 * Dispatch: u16 experts per token [tokens], u16 expert [pairs], f32 weight [pairs], rows [tokens].
 * Each part starts at a multiple of 4, the rows at a multiple of 16 bytes from the frame's start.
 */
import { SputnikError } from '../base/errors.js'
import { type Encoding, encodedRowBytes, encodingId, encodingOf } from './encoding.js'
import { FRAME_BYTES_MAX, type FrameHeader, HEADER_BYTES } from './frame.js'

export type DispatchLayout = {
  readonly counts: number
  readonly experts: number
  readonly weights: number
  readonly rows: number
  /** Of the whole frame. */
  readonly bytes: number
}

const align = (offset: number, to: number): number => Math.ceil(offset / to) * to

/** Byte offsets from the start of the frame. */
export function dispatchLayout(parts: {
  tokens: number
  pairs: number
  rowBytes: number
}): DispatchLayout {
  const counts = HEADER_BYTES
  const experts = align(counts + 2 * parts.tokens, 4)
  const weights = align(experts + 2 * parts.pairs, 4)
  const rows = align(weights + 4 * parts.pairs, 16)
  return { counts, experts, weights, rows, bytes: rows + parts.tokens * parts.rowBytes }
}

export type Dispatch = {
  readonly header: FrameHeader
  readonly encoding: Encoding
  /** Encoding wanted for the combine. */
  readonly replyEncoding: Encoding
  readonly counts: Uint16Array
  readonly experts: Uint16Array
  readonly weights: Float32Array
  /** Offset of the encoded rows from the start of the frame. */
  readonly rows: number
}

/** What a dispatch to a region may hold at most. */
export type DispatchBounds = {
  readonly width: number
  readonly nUsed: number
  readonly nExpert: number
}

/**
 * Reads and checks a dispatch; the arrays are views of the frame.
 * @throws SputnikError FRAME_INVALID
 */
export function readDispatch(
  frame: Uint8Array,
  { header, bounds }: { header: FrameHeader; bounds: DispatchBounds },
): Dispatch {
  const { tokens } = header
  const encoding = encodingOf(header.encoding & 0xf)
  const replyEncoding = encodingOf(header.encoding >> 4)
  const rowBytes = encodedRowBytes(encoding, bounds.width)
  const least = dispatchLayout({ tokens, pairs: 0, rowBytes })
  check(tokens > 0 && frame.length >= least.bytes, 'too short for its tokens')
  const start = frame.byteOffset
  const counts = new Uint16Array(frame.buffer, start + least.counts, tokens)
  const pairs = countPairs(counts, bounds.nUsed)
  const layout = dispatchLayout({ tokens, pairs, rowBytes })
  check(frame.length === layout.bytes, 'not of the length its tokens make')
  const experts = new Uint16Array(frame.buffer, start + layout.experts, pairs)
  for (const expert of experts) check(expert < bounds.nExpert, `expert ${expert} does not exist`)
  const weights = new Float32Array(frame.buffer, start + layout.weights, pairs)
  return { header, encoding, replyEncoding, counts, experts, weights, rows: layout.rows }
}

function countPairs(counts: Uint16Array, nUsed: number): number {
  let pairs = 0
  for (const count of counts) {
    check(count > 0 && count <= nUsed, `${count} experts for one token`)
    pairs += count
  }
  return pairs
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new SputnikError('FRAME_INVALID', `a dispatch is ${what}`)
}

/** The encodings of a dispatch and of its combine in one byte of the header. */
export function encodingByte(dispatch: Encoding, combine: Encoding): number {
  return encodingId(dispatch) | (encodingId(combine) << 4)
}

/** Bytes of a whole combine frame. */
export function combineBytes(tokens: number, rowBytes: number): number {
  const bytes = HEADER_BYTES + tokens * rowBytes
  if (bytes > FRAME_BYTES_MAX)
    throw new SputnikError('FRAME_INVALID', `a combine of ${bytes} bytes`)
  return bytes
}

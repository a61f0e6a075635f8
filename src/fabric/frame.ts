/**
 * The frames head and cards exchange: a header of 20 bytes and a payload. Control frames hold JSON,
 * dispatch and combine frames hold numbers. Knows nothing of who sends or computes.
 *
 * Header, little endian: u32 payload bytes, u8 kind, u8 encoding (of the rows in this frame; the
 * high half names what is wanted back, see `encodingByte`), u16 region, u32 step, u16 attempt,
 * u16 tokens, u32 microseconds the sender computed for it.
 */
import { SputnikError } from '../base/errors.js'

export const HEADER_BYTES = 20

/** Most bytes of one frame: checked before memory is taken for it. */
export const FRAME_BYTES_MAX = 1 << 30

/** Most tokens of one dispatch. */
export const FRAME_TOKENS_MAX = 0xffff

/** Changes whenever a frame changes its meaning; both ends must agree. */
export const PROTOCOL_VERSION = 6

export const FRAME = {
  hello: 1,
  load: 2,
  progress: 3,
  records: 4,
  ready: 5,
  failed: 6,
  dispatch: 7,
  combine: 8,
  /** Wakes a peer that sleeps while its mailbox is full; carries nothing. */
  bell: 9,
  /** Pages to take in while serving, and the answer to that and to `unmap`. */
  map: 10,
  mapped: 11,
  unmap: 12,
  /** Signs of life between fabric threads, and their answer. */
  heartbeat: 13,
  heard: 14,
  /** What the two ends say about credit: messages of 24 bytes, see credit-message.ts. */
  credit: 15,
  /** Part of a dispatch or combine whose credit did not cover all of it. */
  piece: 16,
  /** What a domain holds and how fast its cards are, from time to time. */
  status: 20,
  /** A domain is about to end and wants its pages elsewhere first; carries nothing. */
  leaving: 21,
  /** Pages a domain was to hold and has no more; it says so before it refuses to compute them. */
  gone: 22,
} as const

export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

export type FrameHeader = {
  readonly payloadBytes: number
  readonly kind: number
  readonly encoding: number
  readonly region: number
  readonly step: number
  readonly attempt: number
  readonly tokens: number
  readonly computeUs: number
}

/** Complete, since copying an object is quick only where no property is added. */
export const EMPTY_HEADER: FrameHeader = {
  payloadBytes: 0,
  kind: 0,
  encoding: 0,
  region: 0,
  step: 0,
  attempt: 0,
  tokens: 0,
  computeUs: 0,
}

/** The header of a frame of `payloadBytes`; what is not given is zero. */
export function frameHeader(
  kind: FrameKind | number,
  fields: Partial<Omit<FrameHeader, 'kind'>> & Pick<FrameHeader, 'payloadBytes'>,
): FrameHeader {
  return { ...EMPTY_HEADER, ...fields, kind }
}

export function writeHeader(view: DataView, header: FrameHeader): void {
  view.setUint32(0, header.payloadBytes, true)
  view.setUint8(4, header.kind)
  view.setUint8(5, header.encoding)
  view.setUint16(6, header.region, true)
  view.setUint32(8, header.step, true)
  view.setUint16(12, header.attempt, true)
  view.setUint16(14, header.tokens, true)
  view.setUint32(16, header.computeUs, true)
}

/** @throws SputnikError FRAME_INVALID when the length is beyond what any frame may have */
export function readHeader(view: DataView): FrameHeader {
  const payloadBytes = view.getUint32(0, true)
  if (payloadBytes > FRAME_BYTES_MAX) {
    throw new SputnikError('FRAME_INVALID', `a frame of ${payloadBytes} bytes was announced`)
  }
  return {
    payloadBytes,
    kind: view.getUint8(4),
    encoding: view.getUint8(5),
    region: view.getUint16(6, true),
    step: view.getUint32(8, true),
    attempt: view.getUint16(12, true),
    tokens: view.getUint16(14, true),
    computeUs: view.getUint32(16, true),
  }
}

/** Whether frames of this kind need credit; all others are small. */
export function isTransfer(kind: number): boolean {
  return kind === FRAME.dispatch || kind === FRAME.combine
}

/** The number under which both ends of a link count the bytes of a dispatch or combine. */
export function transferOf(step: number, attempt: number): number {
  return (16 * step + (attempt & 15)) >>> 0
}

/** The same, of a frame that lies at the start of `view`; a piece is numbered as its whole. */
export function transferIn(view: DataView): number {
  return transferOf(view.getUint32(8, true), view.getUint16(12, true))
}

/** Writes what one domain is asked for into a frame: pairs, and each token's row once. */
import type { ExpertRecord } from '../base/expert.js'
import { dispatchLayout, encodingByte, type WireFormat } from '../fabric/dispatch.js'
import { type Encoding, encodedRowBytes, encodeRows } from '../fabric/encoding.js'
import { FRAME, HEADER_BYTES, writeHeader } from '../fabric/frame.js'
import type { NativeBuffer, Pointer } from '../native/memory.js'
import type { Piece } from './piece.js'
import type { RegionCall } from './region-call.js'
import { tokenAt, writePairs } from './shares.js'

export type DispatchCall = {
  readonly call: RegionCall
  readonly step: number
  readonly format: WireFormat
}

const FLOAT_BYTES = 4

/** Bytes of the whole frame. */
export function dispatchBytes({ call, format }: DispatchCall, { share }: Piece): number {
  return layoutOf(call.record, { format, piece: share }).bytes
}

export function writeDispatch(what: DispatchCall, piece: Piece, frame: NativeBuffer): void {
  const { call, format, step } = what
  const { record, region } = call
  const { share, attempt } = piece
  const layout = layoutOf(record, { format, piece: share })
  writeHeader(frame.view, {
    payloadBytes: layout.bytes - HEADER_BYTES,
    kind: FRAME.dispatch,
    encoding: encodingByte(format),
    region,
    step,
    attempt,
    tokens: share.tokenCount,
    computeUs: 0,
  })
  writePairs(frame, { layout, share })
  encodeTokens(what, piece, frame.address + BigInt(layout.rows))
}

function layoutOf(
  { nEmbd }: ExpertRecord,
  { format, piece }: { format: WireFormat; piece: Piece['share'] },
) {
  const rowBytes = encodedRowBytes(format.dispatch, nEmbd)
  return dispatchLayout({ tokens: piece.tokenCount, pairs: piece.pairCount, rowBytes })
}

/** Rows that lie side by side are encoded in one call. */
function encodeTokens(
  { call, format }: DispatchCall,
  { share, work }: Piece,
  target: Pointer,
): void {
  const { nEmbd: width } = call.record
  const encoding: Encoding = format.dispatch
  const rowBytes = encodedRowBytes(encoding, width)
  for (let start = 0; start < share.tokenCount; ) {
    const first = tokenAt(share, start, work.tokenOf)
    let end = start + 1
    while (end < share.tokenCount && tokenAt(share, end, work.tokenOf) === first + end - start) {
      end++
    }
    const address = call.input + BigInt(first * width * FLOAT_BYTES)
    const rows = { address, count: end - start, width }
    encodeRows(encoding, rows, target + BigInt(start * rowBytes))
    start = end
  }
}

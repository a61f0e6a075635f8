/**
 * Splits a dispatch into one for each card that has some of its experts. A card gets a token once,
 * with the experts it has; encoded rows are copied as they are. Pure numbers.
 */
import { defined } from '../base/assert.js'
import {
  type Dispatch,
  type DispatchLayout,
  dispatchLayout,
  encodingByte,
} from '../fabric/dispatch.js'
import { encodedRowBytes } from '../fabric/encoding.js'
import { FRAME, type FrameHeader, HEADER_BYTES, writeHeader } from '../fabric/frame.js'
import type { NativeBuffer } from '../native/memory.js'
import type { FramePool } from './frame-pool.js'

/** What one card is to compute of a dispatch. */
export type Share = {
  readonly card: number
  readonly frame: NativeBuffer
  readonly bytes: number
  /** Of each of its tokens and pairs, the number in the whole dispatch. */
  readonly tokens: Uint32Array
  readonly pairs: Uint32Array
}

export type SplitOptions = {
  readonly header: FrameHeader
  /** Width of the tokens. */
  readonly nEmbd: number
  /** Card of each pair. */
  readonly owners: Uint8Array
  readonly pool: FramePool
}

/** In the order of cards; only cards that have a pair. */
export function splitDispatch(dispatch: Dispatch, options: SplitOptions): Share[] {
  const counts = countByCard(dispatch, options.owners)
  const rowBytes = encodedRowBytes(dispatch.encoding, options.nEmbd)
  return [...counts.keys()]
    .sort((a, b) => a - b)
    .map((card) => {
      const size = { ...defined(counts.get(card), 'a card with pairs'), rowBytes }
      const layout = dispatchLayout(size)
      const share: Share = {
        card,
        frame: options.pool.take(layout.bytes),
        bytes: layout.bytes,
        tokens: new Uint32Array(size.tokens),
        pairs: new Uint32Array(size.pairs),
      }
      writeShareHeader(share, dispatch, options.header)
      writePairs(share, dispatch, { layout, owners: options.owners })
      copyRows(share, dispatch, { layout, rowBytes })
      return share
    })
}

type Counts = { tokens: number; pairs: number; last: number }

function countByCard(
  { frame, tokens, counts }: Dispatch,
  owners: Uint8Array,
): Map<number, Readonly<Counts>> {
  const byCard = new Map<number, Counts>()
  let pair = 0
  for (let token = 0; token < tokens; token++) {
    for (const end = pair + (frame.u16[counts + token] ?? 0); pair < end; pair++) {
      const card = owners[pair] ?? 0
      const one = byCard.get(card) ?? { tokens: 0, pairs: 0, last: -1 }
      byCard.set(card, one)
      one.pairs++
      if (one.last !== token) one.tokens++
      one.last = token
    }
  }
  return byCard
}

/** Sums of several cards are added before they are encoded, so cards send theirs as they are. */
function writeShareHeader(share: Share, dispatch: Dispatch, header: FrameHeader): void {
  const { encoding, isSummed, replyEncoding } = dispatch
  writeHeader(share.frame.view, {
    ...header,
    kind: FRAME.dispatch,
    payloadBytes: share.bytes - HEADER_BYTES,
    encoding: encodingByte({
      dispatch: encoding,
      combine: isSummed ? 'f32' : replyEncoding,
      isSummed,
    }),
    tokens: share.tokens.length,
  })
}

function writePairs(
  { card, frame: target, tokens, pairs }: Share,
  { frame, ...dispatch }: Dispatch,
  { layout, owners }: { layout: DispatchLayout; owners: Uint8Array },
): void {
  const experts = layout.experts >> 1
  const weights = layout.weights >> 2
  let token = 0
  let pair = 0
  let source = 0
  for (let of = 0; of < dispatch.tokens; of++) {
    const before = pair
    const end = source + (frame.u16[dispatch.counts + of] ?? 0)
    for (; source < end; source++) {
      if (owners[source] !== card) continue
      target.u16[experts + pair] = frame.u16[dispatch.experts + source] ?? 0
      target.f32[weights + pair] = frame.f32[dispatch.weights + source] ?? 0
      pairs[pair++] = source
    }
    if (pair === before) continue
    target.u16[(layout.counts >> 1) + token] = pair - before
    tokens[token++] = of
  }
}

/** Rows that lie side by side are copied at once. */
function copyRows(
  { frame: target, tokens }: Share,
  { frame, rows }: Dispatch,
  { layout, rowBytes }: { layout: DispatchLayout; rowBytes: number },
): void {
  for (let start = 0; start < tokens.length; ) {
    const first = tokens[start] ?? 0
    let end = start + 1
    while (end < tokens.length && tokens[end] === first + end - start) end++
    const from = rows + first * rowBytes
    const bytes = frame.bytes.subarray(from, from + (end - start) * rowBytes)
    target.bytes.set(bytes, layout.rows + start * rowBytes)
    start = end
  }
}

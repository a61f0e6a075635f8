/** What the dispatcher does with shares and rows: copies, what is asked again, sums. Pure. */
import type { DispatchLayout } from '../fabric/dispatch.js'
import type { NativeBuffer } from '../native/memory.js'
import { NO_EXPERT, type RouterChoice, type Share } from './partition.js'

/** A choice whose tokens and pairs are those of the region's, or some of them. */
export type Work = {
  readonly choice: RouterChoice
  readonly tokenOf?: Uint32Array
  readonly pairOf?: Uint32Array
}

/** What a domain answered: f32 rows of its tokens, or of its pairs. */
type Answered = {
  readonly share: Share
  readonly work: Work
  readonly rows: Float32Array | undefined
}

/** The region's number of a share's token. */
export function tokenAt(share: Share, at: number, tokenOf: Uint32Array | undefined): number {
  const token = share.tokens[at] ?? 0
  return tokenOf === undefined ? token : (tokenOf[token] ?? 0)
}

/** Shares are used again by the next split. */
export function copyOf(share: Share): Share {
  const { tokenCount, pairCount } = share
  return {
    tokenCount,
    pairCount,
    tokens: share.tokens.slice(0, tokenCount),
    counts: share.counts.slice(0, tokenCount),
    experts: share.experts.slice(0, pairCount),
    weights: share.weights.slice(0, pairCount),
    places: share.places.slice(0, pairCount),
  }
}

/** The tokens of a share with their pairs there; other experts of them are NO_EXPERT. */
export function workOf(share: Share, { choice, tokenOf, pairOf }: Work): Work {
  const { nUsed } = choice
  const { tokenCount, pairCount } = share
  const experts = new Int32Array(tokenCount * nUsed).fill(NO_EXPERT)
  const weights = new Float32Array(tokenCount * nUsed)
  const places = new Uint32Array(tokenCount * nUsed)
  let at = 0
  for (let pair = 0; pair < pairCount; pair++) {
    const place = share.places[pair] ?? 0
    while (share.tokens[at] !== Math.floor(place / nUsed)) at++
    const target = at * nUsed + (place % nUsed)
    experts[target] = share.experts[pair] ?? 0
    weights[target] = share.weights[pair] ?? 0
    places[target] = pairOf?.[place] ?? place
  }
  return {
    choice: { tokens: tokenCount, nUsed, experts, weights },
    tokenOf: share.tokens.slice(0, tokenCount).map((token) => tokenOf?.[token] ?? token),
    pairOf: places,
  }
}

export function writePairs(
  { u16, f32 }: NativeBuffer,
  { layout, share }: { layout: DispatchLayout; share: Share },
): void {
  const counts = layout.counts >> 1
  const experts = layout.experts >> 1
  const weights = layout.weights >> 2
  for (let token = 0; token < share.tokenCount; token++) {
    u16[counts + token] = share.counts[token] ?? 0
  }
  for (let pair = 0; pair < share.pairCount; pair++) {
    u16[experts + pair] = share.experts[pair] ?? 0
    f32[weights + pair] = share.weights[pair] ?? 0
  }
}

/** Adds one summed row per token of the share. */
export function addPieceRows(
  { share, work, rows = NO_ROWS }: Answered,
  { sums, width }: { sums: Float32Array; width: number },
): void {
  for (let at = 0; at < share.tokenCount; at++) {
    const target = tokenAt(share, at, work.tokenOf) * width
    addRow(sums, { target, rows, source: at * width, width })
  }
}

/** Puts one row per pair of the share where the router's order wants it. */
export function placePieceRows(
  { share, work, rows = NO_ROWS }: Answered,
  { rows: all, width }: { rows: Float32Array; width: number },
): void {
  for (let at = 0; at < share.pairCount; at++) {
    const place = share.places[at] ?? 0
    const target = (work.pairOf?.[place] ?? place) * width
    all.set(rows.subarray(at * width, (at + 1) * width), target)
  }
}

const NO_ROWS = new Float32Array(0)

/**
 * Adds the rows of each token's experts, [width, nUsed, tokens], to zeros, as plain libllama does.
 * There is no row where a token wants fewer experts.
 */
export function addInRouterOrder(
  { tokens, nUsed, experts }: RouterChoice,
  { rows, sums, width }: { rows: Float32Array; sums: Float32Array; width: number },
): void {
  for (let pair = 0; pair < tokens * nUsed; pair++) {
    if (experts[pair] === NO_EXPERT) continue
    const target = Math.floor(pair / nUsed) * width
    const source = pair * width
    if (pair % nUsed === 0) sums.set(rows.subarray(source, source + width), target)
    else addRow(sums, { target, rows, source, width })
  }
}

function addRow(
  sums: Float32Array,
  from: { target: number; rows: Float32Array; source: number; width: number },
): void {
  const { target, rows, source, width } = from
  for (let i = 0; i < width; i++) {
    sums[target + i] = (sums[target + i] ?? 0) + (rows[source + i] ?? 0)
  }
}

/**
 * A part of a region's work that one domain was asked for, and what was asked instead when that
 * domain was lost or late: a tree, of which one whole level counts. Pure.
 */
import type { Share } from './partition.js'
import type { Work } from './shares.js'

/** `held`: its domain owes another answer first. `waiting`: nobody holds the pages. */
export type PieceState = 'held' | 'asked' | 'answered' | 'lost' | 'waiting'

export type PieceOptions = {
  /** NO_DOMAIN while it waits. */
  readonly domain: number
  readonly share: Share
  readonly work: Work
}

export class Piece {
  readonly domain: number
  readonly share: Share
  readonly work: Work
  /** Of the share, which another step may have taken over when a late answer comes. */
  readonly pairs: number
  state: PieceState = 'waiting'
  /** Counts what this domain was asked for in one step. */
  attempt = 0
  askedMs = 0
  /** When its answer is late. */
  lateAtMs = Number.POSITIVE_INFINITY
  /** f32 rows of its tokens, or of its pairs. */
  rows: Float32Array | undefined
  /** Asked instead of it; the answer that is whole first counts. */
  others: readonly Piece[] | undefined

  constructor({ domain, share, work }: PieceOptions) {
    this.domain = domain
    this.share = share
    this.work = work
    this.pairs = share.pairCount
  }

  get isDone(): boolean {
    return this.rows !== undefined || (this.others?.every((other) => other.isDone) ?? false)
  }

  /** What counts: the piece itself, or what was asked instead, in order. */
  *answers(): Generator<Piece> {
    if (this.rows !== undefined) yield this
    else for (const other of this.others ?? []) yield* other.answers()
  }

  /** The piece and all that was asked instead of it. */
  *all(): Generator<Piece> {
    yield this
    for (const other of this.others ?? []) yield* other.all()
  }
}

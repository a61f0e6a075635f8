/**
 * Measures how long a card takes for a (token, expert) pair, on the first pages it has: a few
 * dispatches made up here, of which the card itself says how long it computed. Pure.
 */
import type { ExpertRecord } from '../base/expert.js'
import type { DomainStatus } from '../fabric/control.js'
import { dispatchLayout, encodingByte } from '../fabric/dispatch.js'
import { encodedRowBytes } from '../fabric/encoding.js'
import { FRAME, type FrameHeader, HEADER_BYTES, writeHeader } from '../fabric/frame.js'
import type { NativeBuffer } from '../native/memory.js'
import type { FramePool } from './frame-pool.js'

export type SpeedPoint = DomainStatus['cards'][number]['points'][number]

/** Tokens of each expert. */
const TOKENS = [1, 4, 16, 64]
/** Of each; the fastest counts, as the first one pays for what is made once. */
const RUNS = 2
const BUDGET_US = 300_000
/** Waits so long for as many pages as a token wants. */
const PAGES_MS = 1000

export type TestDispatch = {
  readonly card: number
  readonly header: FrameHeader
  readonly frame: NativeBuffer
  readonly bytes: number
}

export class CardSpeed {
  readonly points: SpeedPoint[] = []
  #since: number | undefined
  #run = 0
  #step = 0
  #best = Infinity
  #usedUs = 0
  #pairs = 1
  #isOver = false

  get isOver(): boolean {
    return this.#isOver || this.points.length === TOKENS.length
  }

  /** Time of a pair at decode, once known. */
  get pairUs(): number | undefined {
    return this.points[0]?.usPerPair
  }

  /** Whether to measure now, with so many pages of one region out of those a token wants. */
  isDue(now: number, { pages, nUsed }: { pages: number; nUsed: number }): boolean {
    if (this.isOver || pages === 0) return false
    this.#since ??= now
    return pages >= nUsed || now - this.#since >= PAGES_MS
  }

  /** The next dispatch to measure: all of its tokens want all of the experts. */
  next(
    { nEmbd }: ExpertRecord,
    from: {
      readonly card: number
      readonly region: number
      readonly experts: readonly number[]
      readonly pool: FramePool
    },
  ): TestDispatch {
    const { card, region, experts, pool } = from
    const tokens = TOKENS[this.points.length] ?? 1
    this.#pairs = tokens * experts.length
    const rowBytes = encodedRowBytes('f32', nEmbd)
    const layout = dispatchLayout({ tokens, pairs: this.#pairs, rowBytes })
    const frame = pool.take(layout.bytes)
    const header: FrameHeader = {
      ...{ payloadBytes: layout.bytes - HEADER_BYTES, kind: FRAME.dispatch, region, tokens },
      encoding: encodingByte({ dispatch: 'f32', combine: 'f32', isSummed: true }),
      ...{ step: this.#step++, attempt: 0, computeUs: 0 },
    }
    writeHeader(frame.view, header)
    frame.u16.fill(experts.length, layout.counts >> 1, (layout.counts >> 1) + tokens)
    for (let pair = 0; pair < this.#pairs; pair++) {
      frame.u16[(layout.experts >> 1) + pair] = experts[pair % experts.length] ?? 0
      frame.f32[(layout.weights >> 2) + pair] = 1 / experts.length
    }
    // Neither zeros nor all the same, of the size activations have.
    const first = layout.rows >> 2
    for (let i = 0; i < tokens * nEmbd; i++) frame.f32[first + i] = ((i % 17) - 8) / 8
    return { card, header, frame, bytes: layout.bytes }
  }

  /** How long the card computed the last one. */
  note(computeUs: number): void {
    this.#usedUs += computeUs
    this.#best = Math.min(this.#best, computeUs / this.#pairs)
    if (++this.#run < RUNS) return
    const tokens = TOKENS[this.points.length] ?? 1
    this.points.push({ tokens, usPerPair: this.#best })
    // A pair never takes longer when there are more of them.
    const nextUs = RUNS * this.#best * this.#pairs * 4
    if (this.#usedUs + nextUs > BUDGET_US) this.stop()
    this.#run = 0
    this.#best = Infinity
  }

  /** What is known is enough, or all there will be. */
  stop(): void {
    this.#isOver = true
  }
}

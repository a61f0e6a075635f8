/**
 * A dispatch a domain is asked to compute: the parts its cards have of it, and what has come of
 * them. Pure.
 */
import { assert } from '../base/assert.js'
import type { Dispatch, DispatchBounds } from '../fabric/dispatch.js'
import { combineBytes, readDispatch } from '../fabric/dispatch.js'
import { encodedRowBytes, encodingId } from '../fabric/encoding.js'
import { FRAME, type FrameHeader, readHeader } from '../fabric/frame.js'
import type { ReceivedFrame } from '../fabric/link.js'
import type { NativeBuffer } from '../native/memory.js'
import { Combine } from './combine.js'
import type { FramePool } from './frame-pool.js'
import { type Share, splitDispatch } from './split.js'

/** What one card is sent. */
export type Part = {
  readonly job: Job
  readonly card: number
  readonly index: number
  readonly frame: NativeBuffer
  readonly bytes: number
  /** Experts it names, as they lie in the frame. */
  readonly experts: Uint16Array
  /** Of the answer. */
  readonly answerBytes: number
  readonly answerEncoding: number
  /** How often a card was lost over it. */
  losses: number
}

export type JobOptions = {
  readonly header: FrameHeader
  readonly bounds: DispatchBounds
  /** Card of each pair of the dispatch. */
  readonly owners: Uint8Array
  readonly pool: FramePool
  /** When it came. */
  readonly now: number
  /** Of the page table then. */
  readonly departures: number
}

export class Job {
  readonly header: FrameHeader
  readonly since: number
  readonly departures: number
  readonly parts: readonly Part[]
  readonly bytes: number
  readonly #pool: FramePool
  /** None for a dispatch that one card computes as it came. */
  readonly #combine: Combine | undefined
  #computeUs = 0
  #isOver = false

  /** `dispatch` lies in a frame of `bytes` that may be used again after this. */
  constructor(dispatch: Dispatch, bytes: number, options: JobOptions) {
    const { header, owners, pool, now } = options
    this.header = header
    this.since = now
    this.departures = options.departures
    this.#pool = pool
    const [first = 0] = owners
    const isWhole = owners.every((card) => card === first)
    const shares = isWhole ? [] : this.#split(dispatch, options)
    this.#combine = isWhole ? undefined : this.#combineOf(dispatch, shares, options)
    const whole = isWhole ? [wholeShare(dispatch, { card: first, bytes, pool })] : shares
    this.parts = whole.map((share, index) => this.#part(share, { index, bounds: options.bounds }))
    this.bytes = this.parts.reduce((sum, part) => sum + part.bytes + part.answerBytes, 0)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether a frame can be the answer to a part. */
  isAnswer(part: Part, { buffer, bytes }: ReceivedFrame): boolean {
    const { kind, region, step, attempt, encoding } = readHeader(buffer.view)
    const { header } = this
    return (
      kind === FRAME.combine &&
      region === header.region &&
      step === header.step &&
      attempt === header.attempt &&
      encoding === part.answerEncoding &&
      bytes === part.answerBytes
    )
  }

  /** The frame for the head once all parts are answered; it is valid as long as `frame` is. */
  take(part: Part, frame: ReceivedFrame): ReceivedFrame | undefined {
    assert(!this.#isOver, 'a job is answered twice')
    this.#computeUs = Math.max(this.#computeUs, readHeader(frame.buffer.view).computeUs)
    if (this.#combine === undefined) return frame
    this.#combine.take(part.index, frame)
    return this.#combine.isDone ? this.#combine.finish(this.#computeUs) : undefined
  }

  /** Time of the slowest card, in microseconds. */
  get computeUs(): number {
    return this.#computeUs
  }

  /** Gives its memory back; cards that still work on it do so for nobody. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#combine?.isDone === false) this.#combine.drop()
    for (const { frame } of this.parts) this.#pool.giveBack(frame)
  }

  #split(dispatch: Dispatch, { header, bounds, owners, pool }: JobOptions): Share[] {
    return splitDispatch(dispatch, { header, nEmbd: bounds.nEmbd, owners, pool })
  }

  #combineOf(dispatch: Dispatch, shares: readonly Share[], options: JobOptions): Combine {
    const { header, bounds, pool } = options
    return new Combine({ header, dispatch, nOut: bounds.nOut, shares, pool })
  }

  #part(share: Share, { index, bounds }: { index: number; bounds: DispatchBounds }): Part {
    const { card, frame, bytes } = share
    const header = readHeader(frame.view)
    const dispatch = readDispatch(frame, { bytes, header, bounds })
    const rows = dispatch.isSummed ? dispatch.tokens : dispatch.pairs
    const rowBytes = encodedRowBytes(dispatch.replyEncoding, bounds.nOut)
    return {
      job: this,
      card,
      index,
      frame,
      bytes,
      losses: 0,
      experts: frame.u16.subarray(dispatch.experts, dispatch.experts + dispatch.pairs),
      answerBytes: combineBytes(rows, rowBytes),
      answerEncoding: encodingId(dispatch.replyEncoding),
    }
  }
}

const NONE = new Uint32Array(0)

/** A copy, since the card may be lost and asked again. */
function wholeShare(
  { frame }: Dispatch,
  { card, bytes, pool }: { card: number; bytes: number; pool: FramePool },
): Share {
  const copy = pool.take(bytes)
  copy.bytes.set(frame.bytes.subarray(0, bytes))
  return { card, frame: copy, bytes, tokens: NONE, pairs: NONE }
}

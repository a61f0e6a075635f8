/**
 * How long the answers of one domain take: a line over the number of pairs it was asked for, how
 * far answers stray from it, and the last ones themselves. From it follow what a pair costs and
 * when an answer is late. Pure; times are handed in.
 */
import { LATE_MS_MIN } from './limits.js'

export type Answer = {
  readonly domain: number
  readonly pairs: number
  readonly us: number
  /** Of that, what the domain spent on computing, as it says. */
  readonly computeUs: number
  /** It came after it was late, or nobody waits for it any more. */
  readonly isLate: boolean
}

/** Share of the past that one more answer leaves. */
const KEEP = 0.95
/** An answer is late after so many deviations, and not before so many times what is expected. */
const DEVIATIONS = 4
const FACTOR = 3
/** Before anything was measured: a first answer may have to wait for pages and threads. */
const LATE_MS_FIRST = 1000
const SAMPLES_FIRST = 8
const RECENT = 256

const US_PER_MS = 1000

export class ReplyTimes {
  /** Decayed sums of pairs (x) and microseconds (y). */
  #n = 0
  #x = 0
  #y = 0
  #xx = 0
  #xy = 0
  #deviation = 0
  #samples = 0
  readonly #recent = new Float64Array(RECENT)

  /** An answer to so many pairs came after `us` microseconds. */
  note(pairs: number, us: number): void {
    if (this.#samples > 0) {
      const off = Math.abs(us - this.expectedUs(pairs))
      this.#deviation = KEEP * this.#deviation + (1 - KEEP) * off
    }
    this.#n = KEEP * this.#n + 1
    this.#x = KEEP * this.#x + pairs
    this.#y = KEEP * this.#y + us
    this.#xx = KEEP * this.#xx + pairs * pairs
    this.#xy = KEEP * this.#xy + pairs * us
    this.#recent[this.#samples % RECENT] = us
    this.#samples++
  }

  get isMeasured(): boolean {
    return this.#samples >= SAMPLES_FIRST
  }

  /** Microseconds of one pair more. */
  get pairUs(): number {
    if (this.#n === 0) return 1
    const spread = this.#xx - (this.#x * this.#x) / this.#n
    const meanPairs = this.#x / this.#n
    // Answers to the same number of pairs say nothing of the slope.
    if (spread < 0.01 * this.#n * meanPairs * meanPairs) return this.#y / Math.max(1, this.#x)
    const slope = (this.#xy - (this.#x * this.#y) / this.#n) / spread
    return Math.max(0.01, Math.min(slope, this.#y / Math.max(1, this.#x)))
  }

  /** Microseconds of being asked at all. */
  get fixedUs(): number {
    if (this.#n === 0) return 0
    return Math.max(0, (this.#y - this.pairUs * this.#x) / this.#n)
  }

  expectedUs(pairs: number): number {
    return this.fixedUs + pairs * this.pairUs
  }

  /** Milliseconds after which an answer to so many pairs is late. */
  lateMs(pairs: number): number {
    if (!this.isMeasured) return LATE_MS_FIRST
    const expected = this.expectedUs(pairs)
    const us = Math.max(FACTOR * expected, expected + DEVIATIONS * this.#deviation)
    return Math.max(LATE_MS_MIN, us / US_PER_MS)
  }

  /** Milliseconds below which that share of the last answers stayed; undefined before any. */
  quantileMs(share: number): number | undefined {
    const count = Math.min(this.#samples, RECENT)
    if (count === 0) return undefined
    const sorted = this.#recent.slice(0, count).sort()
    return (sorted[Math.min(count - 1, Math.floor(share * count))] ?? 0) / US_PER_MS
  }
}

/**
 * What a host measures of its own link: the least round trip to each peer and the rate at which
 * bytes are delivered while there is more to come. Integers in bytes and microseconds; knows
 * nothing of credits.
 *
 * After BBR (Cardwell et al., ACM Queue 14(5), 2016; draft-ietf-ccwg-bbr): round-trip propagation
 * is the minimum over 10 s, bandwidth is the windowed maximum of delivered bytes over elapsed time,
 * and a sample taken while the senders had too little to send may raise the maximum only.
 */

/** BBR's window of the least round trip; kept as two halves, so it spans 5 to 10 s. */
const ROUND_TRIP_HALF_US = 5_000_000
/** The maximum spans 5 to 10 s in which the link was kept busy; idle time does not count. */
const RATE_HALF_US = 5_000_000
/**
 * Least time of one sample: network cards and switches let packets through in batches, and a
 * shorter one would take the speed of a batch for that of the link. At first the rate must be found
 * quickly; once it has stopped growing, longer samples keep the maximum of many near the truth.
 */
const SAMPLE_US_FIRST = 500
const SAMPLE_US = 2000
/** As BBR ends its start: so many samples in a row that bring less than so much growth. */
const STEADY_SAMPLES = 3
const GROWTH_PERCENT = 110
/** How much faster than thought a link is taken for that was found idle. */
const RAISE_PERCENT = 125

/** Before anything is measured: 100 Mbit/s, the slowest wired link still in use. */
export const INITIAL_BYTES_PER_SECOND = 12_500_000

export class RoundTrip {
  #current: number | undefined
  #previous: number | undefined
  #startUs = 0

  /** A measured round trip of a small message that its receiver answered at once. */
  sample(roundTripUs: number, nowUs: number): void {
    const sample = Math.max(1, Math.floor(roundTripUs))
    if (this.#current === undefined || nowUs - this.#startUs >= ROUND_TRIP_HALF_US) {
      this.#previous = this.#current
      this.#current = sample
      this.#startUs = nowUs
    } else {
      this.#current = Math.min(this.#current, sample)
    }
  }

  /** The least of the window; the last one known after an idle time; undefined before any. */
  get leastUs(): number | undefined {
    if (this.#current === undefined || this.#previous === undefined) return this.#current
    return Math.min(this.#current, this.#previous)
  }
}

/** All that has come so far, told or not, and the time when that was certainly so. */
export type Come = { readonly bytes: number; readonly nowUs: number }

export class DeliveryRate {
  readonly #come: () => Come
  #current = 0
  #previous = 0
  /** Busy time spent in the current half of the window. */
  #halfUs = 0
  /** Last arrival of the busy period, undefined while nothing is under way. */
  #lastUs: number | undefined
  #toldBytes = 0
  /** What had come when the sample, or its part in this busy period, began. */
  #fromBytes = 0
  #sampleUs = 0
  #sampleBytes = 0
  #isDecisive = true
  /** Samples in a row without growth. */
  #steady = 0

  /**
   * `come` asks the system. A process that had no core for a while reads much at once, and would
   * take that for the speed of the link. Without it, what was told by `arrived` is all there is.
   */
  constructor(come?: () => Come) {
    this.#come = come ?? (() => ({ bytes: this.#toldBytes, nowUs: 0 }))
  }

  /**
   * Bytes came in. `isBacklogged`: the senders have more than they were allowed to send, so that
   * the link and not they set the pace.
   */
  arrived(bytes: number, { nowUs, isBacklogged }: { nowUs: number; isBacklogged: boolean }): void {
    const lastUs = this.#lastUs
    this.#lastUs = nowUs
    this.#toldBytes += bytes
    // The time that the first bytes of a busy period took is not known.
    if (lastUs === undefined) {
      this.#fromBytes = this.#come().bytes
      return
    }
    this.#sampleUs += Math.max(0, nowUs - lastUs)
    this.#isDecisive &&= isBacklogged
    const leastUs = this.#steady < STEADY_SAMPLES ? SAMPLE_US_FIRST : SAMPLE_US
    if (this.#sampleUs >= leastUs) this.#takeSample()
  }

  get isBusy(): boolean {
    return this.#lastUs !== undefined
  }

  /** Nothing is under way: the time until the next arrival tells nothing of the link. */
  idle(): void {
    if (this.isBusy) this.#collect()
    this.#lastUs = undefined
  }

  /** So much came within that time of being asked for, the way there and back included. */
  atLeast(bytes: number, elapsedUs: number): void {
    const rate = Math.floor((bytes * 1_000_000) / Math.max(SAMPLE_US_FIRST, elapsedUs))
    if (this.isMeasured && rate > this.bytesPerSecond) this.#current = rate
  }

  /** All that was let through has come, and more would have: the link is faster than thought. */
  tooSlow(): void {
    this.#current = Math.floor((this.bytesPerSecond * RAISE_PERCENT) / 100)
  }

  get isMeasured(): boolean {
    return this.#current > 0 || this.#previous > 0
  }

  get bytesPerSecond(): number {
    if (!this.isMeasured) return INITIAL_BYTES_PER_SECOND
    return Math.max(this.#current, this.#previous)
  }

  #takeSample(): void {
    this.#collect()
    const rate = Math.floor((this.#sampleBytes * 1_000_000) / this.#sampleUs)
    const isGrowing = 100 * rate > GROWTH_PERCENT * this.bytesPerSecond
    if (isGrowing && this.#steady < STEADY_SAMPLES) this.#steady = 0
    else if (this.#isDecisive) this.#steady++
    if (this.#isDecisive) this.#spend(this.#sampleUs)
    if (this.#isDecisive || rate > this.bytesPerSecond)
      this.#current = Math.max(this.#current, rate)
    this.#sampleUs = 0
    this.#sampleBytes = 0
    this.#isDecisive = true
  }

  #collect(): void {
    const { bytes, nowUs } = this.#come()
    this.#sampleBytes += bytes - this.#fromBytes
    this.#fromBytes = bytes
    // It may have had no core between the last arrival and this.
    this.#sampleUs += Math.max(0, nowUs - (this.#lastUs ?? nowUs))
  }

  #spend(elapsedUs: number): void {
    this.#halfUs += elapsedUs
    if (this.#halfUs < RATE_HALF_US) return
    this.#previous = this.#current
    this.#current = 0
    this.#halfUs = 0
  }
}

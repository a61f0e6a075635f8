/**
 * How long to wait for an acknowledgement: RFC 6298 (Paxson and others, 2011), with every
 * acknowledgement a sample, as its packet carries the time it was sent (RFC 7323). Connections are
 * taken to be open: the round trip of the idle network is the first sample.
 */

const GAIN = 1 / 8
const VARIATION_GAIN = 1 / 4
const VARIATIONS = 4
const MAX_TIMEOUT_PS = 60e12

export class RoundTrip {
  readonly #leastTimeoutPs: number
  #smoothedPs: number
  #variationPs: number
  #backOff = 1

  constructor(idlePs: number, leastTimeoutPs: number) {
    this.#leastTimeoutPs = leastTimeoutPs
    this.#smoothedPs = idlePs
    this.#variationPs = idlePs / 2
  }

  get smoothedPs(): number {
    return this.#smoothedPs
  }

  /** Whole picoseconds. */
  get timeoutPs(): number {
    const waitPs = this.#smoothedPs + VARIATIONS * this.#variationPs
    const boundedPs = Math.max(this.#leastTimeoutPs, waitPs) * this.#backOff
    return Math.ceil(Math.min(MAX_TIMEOUT_PS, boundedPs))
  }

  /** A sample also ends what time-outs have added. */
  sample(roundTripPs: number): void {
    const error = roundTripPs - this.#smoothedPs
    this.#variationPs += VARIATION_GAIN * (Math.abs(error) - this.#variationPs)
    this.#smoothedPs += GAIN * error
    this.#backOff = 1
  }

  /** After a time-out the next one takes twice as long. */
  backOff(): void {
    this.#backOff *= 2
  }
}

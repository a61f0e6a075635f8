/**
 * The rate of one DCQCN sender (reaction point): Zhu and others, "Congestion Control for
 * Large-Scale RDMA Deployments", SIGCOMM 2015, section 3.1, with the parameters of its table for
 * 40 Gb/s; rates that are added are the same share of a faster line. Knows nothing of packets.
 */

export const DCQCN = {
  /** Gain of alpha, and how long without a notification until it decays once. */
  gain: 1 / 256,
  alphaPs: 55e6,
  /** Steps of the rate: one after so long, and one after so many bytes. */
  timerPs: 55e6,
  byteCount: 10e6,
  /** Steps that only halve the way back, before the target grows. */
  fastSteps: 5,
  /** 40 Mb/s of 40 Gb/s; ten times that when both time and bytes say that all is quiet. */
  additiveShare: 1 / 1000,
  hyperShare: 1 / 100,
  /** Lest a rate of nothing is never raised: 40 Mb/s of 40 Gb/s. */
  leastShare: 1 / 1000,
  /** A receiver notifies a flow no more often than this (notification point). */
  notifyPs: 50e6,
} as const

export class DcqcnRate {
  readonly #line: number
  #rate: number
  #target: number
  #alpha = 1
  /** When alpha was last raised; it has decayed since, which is worked out when it is needed. */
  #alphaPs = 0
  #timerSteps = 0
  #byteSteps = 0
  #bytes = 0

  /** Flows begin at the speed of their line, in bytes per second. */
  constructor(lineRate: number) {
    this.#line = lineRate
    this.#rate = lineRate
    this.#target = lineRate
  }

  /** Bytes per second. */
  get rate(): number {
    return this.#rate
  }

  get target(): number {
    return this.#target
  }

  /** Whether there is nothing to raise. */
  get isAtLine(): boolean {
    return this.#rate >= this.#line
  }

  /** Expected share of marked packets, between 0 and 1. */
  alphaAt(nowPs: number): number {
    const quiet = Math.floor((nowPs - this.#alphaPs) / DCQCN.alphaPs)
    return this.#alpha * (1 - DCQCN.gain) ** quiet
  }

  /** A notification came: equation 1. */
  notified(nowPs: number): void {
    const alpha = this.alphaAt(nowPs)
    this.#target = this.#rate
    this.#rate = Math.max(this.#line * DCQCN.leastShare, this.#rate * (1 - alpha / 2))
    this.#alpha = (1 - DCQCN.gain) * alpha + DCQCN.gain
    this.#alphaPs = nowPs
    this.#timerSteps = 0
    this.#byteSteps = 0
    this.#bytes = 0
  }

  /** The timer of the flow ran out once more since the last notification. */
  timerStep(): void {
    this.#timerSteps++
    this.#raise()
  }

  sent(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < DCQCN.byteCount) return
    this.#bytes -= DCQCN.byteCount
    this.#byteSteps++
    this.#raise()
  }

  /** Figure 7: fast recovery, then additive, then hyper increase of the target. */
  #raise(): void {
    const { fastSteps } = DCQCN
    const [most, least] = [
      Math.max(this.#timerSteps, this.#byteSteps),
      Math.min(this.#timerSteps, this.#byteSteps),
    ]
    if (most >= fastSteps) {
      const share = least > fastSteps ? DCQCN.hyperShare : DCQCN.additiveShare
      this.#target = Math.min(this.#line, this.#target + share * this.#line)
    }
    const rate = (this.#target + this.#rate) / 2
    // Halving the way never arrives; at a thousandth below the line it has.
    this.#rate = rate > this.#line * (1 - 1e-3) ? this.#line : rate
  }
}

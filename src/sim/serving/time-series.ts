/** Sums over equal stretches of simulated time; what is longer than a stretch is shared out. */

export class TimeSeries {
  readonly stretchS: number
  readonly #sums: Float64Array

  constructor(durationS: number, stretches: number) {
    this.stretchS = durationS / stretches
    this.#sums = new Float64Array(stretches)
  }

  /** What lies after the end is left out. */
  add(amount: number, { fromS, toS }: { fromS: number; toS: number }): void {
    const { stretchS } = this
    const sums = this.#sums
    const last = Math.min(sums.length - 1, Math.floor(toS / stretchS))
    for (let at = Math.floor(fromS / stretchS); at <= last; at++) {
      const within = Math.min(toS, (at + 1) * stretchS) - Math.max(fromS, at * stretchS)
      const share = toS > fromS ? within / (toS - fromS) : 1
      sums[at] = (sums[at] ?? 0) + amount * share
    }
  }

  /** Sums by second, of each stretch. */
  get perSecond(): number[] {
    return Array.from(this.#sums, (sum) => sum / this.stretchS)
  }
}

/** Counts how often a node was lost and says how long it is kept out. Knows nothing of leases. */
import type { MembershipSettings } from './membership-settings.js'

export class Flapping {
  readonly #settings: MembershipSettings
  /** Times of the last losses, at most as many as make a node flap. */
  #losses: number[] = []
  /** Times it was kept out in a row. */
  #times = 0
  #outUntilMs = Number.NEGATIVE_INFINITY

  constructor(settings: MembershipSettings) {
    this.#settings = settings
  }

  /** Time until which the node is kept out; in the past when it is not. */
  get outUntilMs(): number {
    return this.#outUntilMs
  }

  /** Nothing is held against it any more. */
  forgive(): void {
    this.#losses = []
    this.#times = 0
    this.#outUntilMs = Number.NEGATIVE_INFINITY
  }

  /** True when this loss is one too many. */
  lost(now: number): boolean {
    const { flapLosses, flapWindowMs, backoffMs, backoffMaxMs } = this.#settings
    const previous = Math.max(this.#losses.at(-1) ?? Number.NEGATIVE_INFINITY, this.#outUntilMs)
    if (now - previous > flapWindowMs) this.#times = 0
    this.#losses = [...this.#losses.filter((at) => now - at <= flapWindowMs), now]
    if (this.#losses.length < flapLosses) return false
    this.#outUntilMs = now + Math.min(backoffMs * 2 ** this.#times, backoffMaxMs)
    this.#times++
    this.#losses = []
    return true
  }
}

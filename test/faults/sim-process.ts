/** A process of the simulation: runs or is stopped, with a monotonic clock that may stand still. */
import type { Sim } from './sim.js'

export class SimProcess {
  protected readonly sim: Sim
  #isStopped = false
  #stillMs: number | undefined
  /** So far the clock is behind. */
  #behindMs = 0

  constructor(sim: Sim) {
    this.sim = sim
  }

  get isRunning(): boolean {
    return !this.#isStopped
  }

  /** Its own monotonic milliseconds. */
  now(): number {
    return this.#stillMs ?? this.sim.nowMs - this.#behindMs
  }

  /** Something may have come for it. */
  wake(): void {}

  stop(): void {
    this.#isStopped = true
  }

  goOn(): void {
    this.#isStopped = false
    this.wake()
  }

  stopClock(): void {
    this.#stillMs ??= this.now()
  }

  startClock(): void {
    if (this.#stillMs === undefined) return
    this.#behindMs = this.sim.nowMs - this.#stillMs
    this.#stillMs = undefined
  }
}

/** A process of the simulation: runs or is stopped, with a monotonic clock that may stand still. */
import type { Sim } from './sim.js'

export class SimProcess {
  protected readonly sim: Sim
  #stoppedSinceMs: number | undefined
  #stoppedMs = 0
  #stillMs: number | undefined
  /** So far the clock is behind. */
  #behindMs = 0

  constructor(sim: Sim) {
    this.sim = sim
  }

  get isRunning(): boolean {
    return this.#stoppedSinceMs === undefined
  }

  /** Its own monotonic milliseconds. */
  now(): number {
    return this.#stillMs ?? this.sim.nowMs - this.#behindMs
  }

  /** Its own time without that in which it was stopped. */
  runningMs(): number {
    return this.now() - this.#stoppedMs
  }

  /** Something may have come for it. */
  wake(): void {}

  stop(): void {
    this.#stoppedSinceMs ??= this.now()
  }

  goOn(): void {
    this.#stoppedMs += this.now() - (this.#stoppedSinceMs ?? this.now())
    this.#stoppedSinceMs = undefined
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

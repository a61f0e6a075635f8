/**
 * A step under way: how much of it is done, who was busy with it so far, when it ends; also when
 * machines change under it. Knows nothing of sequences.
 */
import { assert } from '../../base/assert.js'
import type { StepCost } from './step-time.js'

/** Told that machines were busy from `fromS` to `toS` with a share of such a cost. */
export type NoteWork = (cost: StepCost, from: { share: number; fromS: number; toS: number }) => void

export class RunningStep {
  readonly beganS: number
  readonly #note: NoteWork
  #cost: StepCost
  /** What is left of it from `#sinceS` on, as a share of `#cost`. */
  #left = 1
  /** When work goes on; later than now while the step stands still. */
  #sinceS: number

  constructor(
    cost: StepCost,
    { now, stallS, note }: { now: number; stallS: number; note: NoteWork },
  ) {
    this.beganS = now
    this.#note = note
    this.#cost = cost
    this.#sinceS = now + stallS
  }

  get endS(): number {
    return this.#sinceS + this.#left * this.#cost.seconds
  }

  /** Stands still until the next change. */
  pause(now: number): void {
    this.#account(now)
    this.#sinceS = Number.POSITIVE_INFINITY
  }

  /** What is left takes as long as the same share of `cost`, after standing still. */
  change(cost: StepCost, { now, stallS }: { now: number; stallS: number }): void {
    this.#account(now)
    this.#cost = cost
    const isPaused = this.#sinceS === Number.POSITIVE_INFINITY
    this.#sinceS = (isPaused ? now : Math.max(this.#sinceS, now)) + stallS
  }

  end(now: number): void {
    assert(now >= this.endS, 'a step ends before its time')
    this.#account(this.endS)
  }

  #account(now: number): void {
    const { seconds } = this.#cost
    if (now <= this.#sinceS || seconds === 0) return
    const share = Math.min(this.#left, (now - this.#sinceS) / seconds)
    this.#note(this.#cost, { share, fromS: this.#sinceS, toS: now })
    this.#left -= share
    this.#sinceS = now
  }
}

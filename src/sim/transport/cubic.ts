/**
 * CUBIC: RFC 9438 (Xu, Ha, Rhee, Goel, Eggert 2023). Names and numbers of its section 4 are kept.
 * Slow start is that of RFC 5681, without HyStart++.
 */
import { PS_PER_S } from '../net/time.js'
import type { Ack, Loss } from './congestion.js'
import { NewReno } from './new-reno.js'

/** Packets per second cubed. */
const C = 0.4
const BETA = 0.7
/** Section 4.3: what makes an AIMD window with `BETA` as fast as Reno's with one half. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA)
const LEAST_THRESHOLD = 2

/** What the curve starts from in one stage of congestion avoidance. */
type Epoch = {
  readonly startPs: number
  readonly wMax: number
  /** Seconds from its start until the curve is at `wMax` again. */
  readonly k: number
}

export class Cubic extends NewReno {
  #epoch: Epoch | undefined
  /** The window before the last reduction, and the one the curve aims for; none before any. */
  #prior = 0
  #wMax: number | undefined
  /** What Reno would have. */
  #estimate = 0

  override lost(loss: Loss): void {
    this.#reduce()
    super.lost(loss)
  }

  /** Section 4.8: the stage after a time-out starts from the window it finds, with K = 0. */
  override timedOut(loss: Loss, attempt: number): void {
    if (attempt === 1) this.#reduce()
    this.#wMax = undefined
    super.timedOut(loss, attempt)
  }

  protected override reduced(inFlight: number): number {
    return Math.max(inFlight * BETA, LEAST_THRESHOLD)
  }

  protected override avoid(ack: Ack): void {
    this.#epoch ??= this.#begin(ack.nowPs)
    const seconds = (ack.nowPs - this.#epoch.startPs) / PS_PER_S
    const alpha = this.#estimate < this.#prior ? ALPHA : 1
    this.#estimate += (alpha * ack.packets) / this.window
    if (curve(this.#epoch, seconds) < this.#estimate) {
      this.window = Math.max(this.window, this.#estimate)
      return
    }
    const wanted = curve(this.#epoch, seconds + ack.smoothedPs / PS_PER_S)
    const target = Math.min(Math.max(wanted, this.window), 1.5 * this.window)
    this.window += (target - this.window) / this.window
  }

  /** Section 4.7, fast convergence: a flow that loses ground leaves more of it to others. */
  #reduce(): void {
    const isLower = this.#wMax !== undefined && this.window < this.#wMax
    this.#wMax = isLower ? (this.window * (1 + BETA)) / 2 : this.window
    this.#prior = this.window
    this.#epoch = undefined
  }

  #begin(nowPs: number): Epoch {
    this.#estimate = this.window
    const wMax = this.#wMax ?? this.window
    const k = Math.cbrt(Math.max(0, wMax - this.window) / C)
    return { startPs: nowPs, wMax: Math.max(wMax, this.window), k }
  }
}

/** Section 4.2, figure 1. */
function curve({ wMax, k }: Epoch, seconds: number): number {
  return C * (seconds - k) ** 3 + wMax
}

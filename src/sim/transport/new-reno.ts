/**
 * Slow start and congestion avoidance of TCP: RFC 5681 (Allman, Paxson, Blanton 2009), with the end
 * of recovery of RFC 6582 (NewReno; Henderson and others 2012).
 */
import type { Ack, Congestion, Loss } from './congestion.js'

const LEAST_THRESHOLD = 2
const LOSS_WINDOW = 1

export class NewReno implements Congestion {
  window: number
  /** Below it the window grows by what is acknowledged, above it by one a round trip. */
  protected threshold = Number.POSITIVE_INFINITY

  constructor(initialWindow: number) {
    this.window = initialWindow
  }

  acked(ack: Ack): void {
    if (ack.packets === 0 || ack.isRecovering || !ack.isWindowFull) return
    if (this.window < this.threshold) this.window += 1
    else this.avoid(ack)
  }

  lost({ inFlight }: Loss): void {
    this.threshold = this.reduced(inFlight)
    this.window = this.threshold
  }

  /** Section 3.2, step 3, of RFC 6582: no burst when little is in flight. */
  recovered(inFlight: number): void {
    this.window = Math.min(this.threshold, Math.max(inFlight, 1) + 1)
  }

  timedOut({ inFlight }: Loss, attempt: number): void {
    if (attempt === 1) this.threshold = this.reduced(inFlight)
    this.window = LOSS_WINDOW
  }

  /** Growth for one acknowledgement above the threshold. */
  protected avoid(_ack: Ack): void {
    this.window += 1 / this.window
  }

  protected reduced(inFlight: number): number {
    return Math.max(inFlight / 2, LEAST_THRESHOLD)
  }
}

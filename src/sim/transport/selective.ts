/**
 * Loss recovery with selective acknowledgements: RFC 6675 (Blanton and others 2012), paced by what
 * arrives (Proportional Rate Reduction: RFC 6937, Mathis and others 2013; what counts as safe is of
 * its successor, RFC 9937). Each acknowledgement names the packet that caused it, so the sender
 * knows what arrived but for acknowledgements that were lost. A packet lost twice is left to the
 * time-out.
 */
import {
  DUPLICATES,
  LOST,
  NOTHING,
  type Outstanding,
  type OutstandingParts,
  PROGRESS,
  type Progress,
  RECOVERED,
} from './outstanding.js'

export class Selective implements Outstanding {
  #packets: number
  readonly #receiveWindow: number
  #acked = 0
  #highest = 0
  /** Arrived behind a gap. */
  readonly #arrived = new Set<number>()
  /** The last ones of those, the latest first: what lies before the third is lost. */
  #latest: number[] = []
  /** Packets in [`resend`, `lostEnd`) that did not arrive are lost and not sent again yet. */
  #resend = 0
  #lostEnd = 0
  #lost = 0
  #isRecovering = false
  #recover = 0
  /** The first loss is sent again whatever the window. */
  #isDue = false
  /** While recovering: what arrived, what was sent, the most that may be sent, what was unacked. */
  #delivered = 0
  #sent = 0
  #mostSent = 0
  #unackedBefore = 1

  constructor({ packets, receiveWindow }: OutstandingParts) {
    this.#packets = packets
    this.#receiveWindow = receiveWindow
  }

  get acked(): number {
    return this.#acked
  }

  get highest(): number {
    return this.#highest
  }

  get unacked(): number {
    return this.#highest - this.#acked
  }

  /** The RFC's `pipe`. */
  get inFlight(): number {
    return this.unacked - this.#arrived.size - this.#lost
  }

  get isRecovering(): boolean {
    return this.#isRecovering
  }

  extend(packets: number): void {
    this.#packets += packets
  }

  acknowledge(acked: number, arrived: number): Progress {
    const isNew = acked > this.#acked
    const before = this.#acked + this.#arrived.size
    const lostBefore = this.#lostEnd
    if (isNew) this.#advance(acked)
    if (arrived > this.#acked) this.#note(arrived)
    const isSafe = isNew && this.#lostEnd === Math.max(lostBefore, acked)
    this.#allow(this.#acked + this.#arrived.size - before, isSafe)
    if (this.#isRecovering && isNew && acked >= this.#recover) {
      this.#isRecovering = false
      return RECOVERED
    }
    const isLoss = !this.#isRecovering && this.#lost > 0 && this.#acked >= this.#recover
    if (!isLoss) return isNew ? PROGRESS : NOTHING
    this.#isRecovering = true
    this.#recover = this.#highest
    this.#isDue = true
    this.#delivered = 0
    this.#sent = 0
    this.#mostSent = 0
    this.#unackedBefore = this.unacked
    return LOST
  }

  timedOut(): void {
    this.#isRecovering = false
    this.#isDue = false
    this.#recover = this.#highest
    this.#resend = this.#acked
    this.#lostEnd = this.#highest
    this.#lost = this.unacked - this.#arrived.size
  }

  take(window: number): number | undefined {
    if (!this.#isDue && !this.#maySend(window)) return undefined
    this.#isDue = false
    const isFresh = this.#highest < this.#packets && this.unacked < this.#receiveWindow
    if (this.#lost === 0 && !isFresh) return undefined
    this.#sent++
    return this.#lost > 0 ? this.#takeLost() : this.#highest++
  }

  #maySend(window: number): boolean {
    if (!this.#isRecovering) return this.inFlight + 1 <= window
    if (this.inFlight + 1 <= window) return this.#sent < this.#mostSent
    return this.#sent < Math.ceil((this.#delivered * window) / this.#unackedBefore)
  }

  /** RFC 6937: no more goes out than comes in, and one more when nothing else was lost. */
  #allow(delivered: number, isSafe: boolean): void {
    this.#delivered += delivered
    this.#mostSent = Math.max(this.#delivered, this.#sent + delivered) + (isSafe ? 1 : 0)
  }

  #takeLost(): number {
    while (this.#arrived.has(this.#resend)) this.#resend++
    this.#lost--
    return this.#resend++
  }

  #advance(acked: number): void {
    for (let sequence = this.#acked; sequence < acked; sequence++) {
      const hadArrived = this.#arrived.delete(sequence)
      if (!hadArrived && this.#isLost(sequence)) this.#lost--
    }
    this.#acked = acked
    this.#resend = Math.max(this.#resend, acked)
    this.#lostEnd = Math.max(this.#lostEnd, acked)
  }

  #isLost(sequence: number): boolean {
    return sequence >= this.#resend && sequence < this.#lostEnd
  }

  #note(arrived: number): void {
    if (this.#arrived.has(arrived)) return
    if (this.#isLost(arrived)) this.#lost--
    this.#arrived.add(arrived)
    this.#latest = [...this.#latest, arrived].sort((a, b) => b - a).slice(0, DUPLICATES)
    const end = this.#latest[DUPLICATES - 1] ?? 0
    for (let sequence = this.#lostEnd; sequence < end; sequence++) {
      if (!this.#arrived.has(sequence)) this.#lost++
    }
    this.#lostEnd = Math.max(this.#lostEnd, end)
  }
}

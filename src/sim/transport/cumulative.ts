/**
 * Loss recovery without selective acknowledgements: RFC 6582 (NewReno; Henderson and others 2012)
 * with limited transmit (RFC 3042). It learns of one loss per round trip.
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

export class Cumulative implements Outstanding {
  #packets: number
  readonly #receiveWindow: number
  #acked = 0
  #next = 0
  #highest = 0
  #duplicates = 0
  #isRecovering = false
  /** A loss is mended when all before it is acknowledged. */
  #recover = 0
  #hasPartial = false
  /** Packets that left the network while recovering; part of the window in the RFC. */
  #inflation = 0
  /** To send again, whatever the window. */
  #due: number | undefined

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
    return this.#next - this.#acked
  }

  get inFlight(): number {
    return this.unacked
  }

  get isRecovering(): boolean {
    return this.#isRecovering
  }

  extend(packets: number): void {
    this.#packets += packets
  }

  acknowledge(acked: number): Progress {
    if (acked > this.#acked) return this.#advance(acked)
    return this.unacked > 0 ? this.#duplicate() : NOTHING
  }

  timedOut(): void {
    this.#recover = this.#highest
    this.#isRecovering = false
    this.#inflation = 0
    this.#duplicates = 0
    this.#due = undefined
    this.#next = this.#acked
  }

  take(window: number): number | undefined {
    if (this.#due !== undefined) {
      const due = this.#due
      this.#due = undefined
      return due
    }
    const limited = this.#isRecovering ? 0 : Math.min(this.#duplicates, DUPLICATES - 1)
    const most = Math.min(window + this.#inflation + limited, this.#receiveWindow)
    if (this.unacked + 1 > most || this.#next >= this.#packets) return undefined
    const sequence = this.#next++
    this.#highest = Math.max(this.#highest, this.#next)
    return sequence
  }

  #advance(acked: number): Progress {
    const packets = acked - this.#acked
    this.#acked = acked
    this.#next = Math.max(this.#next, acked)
    this.#duplicates = 0
    this.#due = undefined
    if (!this.#isRecovering) return PROGRESS
    if (acked < this.#recover) return this.#partial(packets)
    this.#isRecovering = false
    this.#inflation = 0
    return RECOVERED
  }

  /** Section 3.2, step 3: only the first one starts the time-out again. */
  #partial(packets: number): Progress {
    const isFirst = !this.#hasPartial
    this.#inflation += 1 - packets
    this.#due = this.#acked
    this.#hasPartial = true
    return isFirst ? PROGRESS : NOTHING
  }

  #duplicate(): Progress {
    this.#duplicates++
    if (this.#isRecovering) this.#inflation++
    else if (this.#duplicates === DUPLICATES && this.#acked >= this.#recover) {
      this.#recover = this.#highest
      this.#isRecovering = true
      this.#hasPartial = false
      this.#inflation = DUPLICATES
      this.#due = this.#acked
      return LOST
    }
    return NOTHING
  }
}

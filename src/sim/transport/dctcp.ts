/**
 * DCTCP: Alizadeh and others, "Data Center TCP (DCTCP)", SIGCOMM 2010, and RFC 8257 (2017), whose
 * section 3.3 this follows. The receiver acknowledges every packet, so each acknowledgement says
 * of one packet whether it was marked. Switches mark above a queue of K packets; theirs to set.
 */
import type { Ack } from './congestion.js'
import { NewReno } from './new-reno.js'

/** K at 10 Gb/s and more: 65 packets (SIGCOMM 2010, section 3.5) of 1500 bytes. */
export const DCTCP_MARK_BYTES = 65 * 1500

/** RFC 8257 recommends 1/16. */
const GAIN = 1 / 16
const LEAST_WINDOW = 2

export class Dctcp extends NewReno {
  /** Estimated share of marked packets; RFC 8257 begins with the most careful one. */
  #alpha = 1
  #acked = 0
  #marked = 0
  /** The window of data whose marks are being counted ends before this packet. */
  #windowEnd = 0
  /** No second reduction before this packet is acknowledged. */
  #reducedUntil = -1

  get alpha(): number {
    return this.#alpha
  }

  override acked(ack: Ack): void {
    this.#count(ack)
    if (!ack.isMarked || ack.isRecovering) super.acked(ack)
    else if (ack.acked > this.#reducedUntil) this.#reduce(ack)
  }

  #count(ack: Ack): void {
    this.#acked += ack.packets
    if (ack.isMarked) this.#marked += ack.packets
    if (ack.acked <= this.#windowEnd || this.#acked === 0) return
    this.#alpha += GAIN * (this.#marked / this.#acked - this.#alpha)
    this.#windowEnd = ack.highest
    this.#acked = 0
    this.#marked = 0
  }

  #reduce(ack: Ack): void {
    this.window = Math.max(LEAST_WINDOW, this.window * (1 - this.#alpha / 2))
    this.threshold = this.window
    this.#reducedUntil = ack.highest
  }
}

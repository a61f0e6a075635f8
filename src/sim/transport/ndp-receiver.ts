/**
 * What the receiver of an NDP flow counts: which packets it has, and how many more it may ask for.
 * Knows nothing of other flows and of packets as such.
 */

export type NdpArrival = {
  readonly sequence: number
  /** The payload was cut off. */
  readonly isHeader: boolean
  /** Packets returned to the sender that wait for a pull, over all time, as it tells with each. */
  readonly returns: number
}

export class NdpReceiver {
  readonly #packets: number
  readonly #window: number
  /** By packet. */
  readonly #came: Uint8Array
  #missing: number
  #arrivals = 0
  #headers = 0
  /** As the sender told. */
  returns = 0
  /** In all; tells the sender how many packets it may have sent beside its first window. */
  pulls = 0
  /** Since then nothing was asked for and nothing came. */
  silentSincePs = 0
  isQueued = false

  constructor(packets: number, initialWindow: number) {
    this.#packets = packets
    this.#window = Math.min(packets, initialWindow)
    this.#came = new Uint8Array(packets)
    this.#missing = packets
  }

  /** Whether it is payload that was not there yet. */
  arrived({ sequence, isHeader, returns }: NdpArrival, nowPs: number): boolean {
    this.silentSincePs = nowPs
    this.#arrivals++
    this.returns = Math.max(this.returns, returns)
    if (isHeader) {
      this.#headers++
      return false
    }
    if (this.#came[sequence] === 1) return false
    this.#came[sequence] = 1
    this.#missing--
    return true
  }

  get isDone(): boolean {
    return this.#missing === 0
  }

  /** Packets that the sender was allowed and that neither came nor were returned to it. */
  get outstanding(): number {
    return this.#window + this.pulls - this.#arrivals - this.returns
  }

  /** The sender has something to send, and less under way than a window. */
  get wantsPull(): boolean {
    const toSend = this.#packets - this.#window + this.#headers + this.returns
    return !this.isDone && this.pulls < toSend && this.outstanding < this.#window
  }

  pull(nowPs: number): void {
    this.pulls++
    this.silentSincePs = nowPs
  }
}

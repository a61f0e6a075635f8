/**
 * A sender that knows no credits: slow start, congestion avoidance, fast retransmit and recovery
 * (RFC 5681, RFC 6582) with a retransmission time-out of at least 200 ms, as Linux has.
 */

import { type IncastNetwork, SEGMENT_BYTES } from './incast-network.js'

const TIMEOUT_NS = 200_000_000
const INITIAL_WINDOW = 10
const DUPLICATES = 3

export class RecoveringSender {
  readonly #network: IncastNetwork
  readonly #domain: number
  readonly #delivered: (bytes: number) => void
  /** In segments; a message fills its last one up. */
  #offered = 0
  #next = 0
  #acknowledged = 0
  #window = INITIAL_WINDOW
  #threshold = Number.POSITIVE_INFINITY
  #duplicates = 0
  /** While recovering: what was sent when the loss was noticed. */
  #recoverTo: number | undefined
  /** Number of the timer that runs; 0 while none does. */
  #timer = 0
  #serial = 0
  #backOff = 1
  timeouts = 0
  readonly #sizes: number[] = []
  /** The receiver's part. */
  #expected = 0
  readonly #early = new Set<number>()

  constructor(network: IncastNetwork, domain: number, delivered: (bytes: number) => void) {
    this.#network = network
    this.#domain = domain
    this.#delivered = delivered
  }

  offer(bytes: number): void {
    for (let left = bytes; left > 0; left -= SEGMENT_BYTES) {
      this.#sizes.push(Math.min(left, SEGMENT_BYTES))
      this.#offered++
    }
    this.#fill()
  }

  #fill(): void {
    while (this.#next < this.#offered && this.#next - this.#acknowledged < this.#window) {
      this.#send(this.#next++)
    }
  }

  #send(segment: number): void {
    if (this.#timer === 0) this.#arm()
    const bytes = this.#sizes[segment] ?? 0
    this.#network.toHead(this.#domain, bytes, () => this.#receive(segment))
  }

  #arm(): void {
    const timer = ++this.#serial
    this.#timer = timer
    this.#network.events.after(TIMEOUT_NS * this.#backOff, () => {
      if (this.#timer === timer) this.#timeOut()
    })
  }

  #timeOut(): void {
    this.timeouts++
    this.#threshold = Math.max(2, (this.#next - this.#acknowledged) / 2)
    this.#window = 1
    this.#duplicates = 0
    this.#recoverTo = undefined
    this.#next = this.#acknowledged
    this.#backOff = Math.min(64, this.#backOff * 2)
    this.#timer = 0
    this.#fill()
  }

  /** At the head: delivers in order and acknowledges every packet. */
  #receive(segment: number): void {
    if (segment >= this.#expected) this.#early.add(segment)
    while (this.#early.delete(this.#expected)) {
      this.#delivered(this.#sizes[this.#expected] ?? 0)
      this.#expected++
    }
    const upTo = this.#expected
    this.#network.toDomain(0, () => this.#acknowledge(upTo))
  }

  #acknowledge(upTo: number): void {
    if (upTo > this.#acknowledged) this.#advance(upTo)
    else if (upTo === this.#acknowledged && this.#next > upTo) this.#duplicate()
    this.#fill()
  }

  #advance(upTo: number): void {
    this.#acknowledged = upTo
    this.#next = Math.max(this.#next, upTo)
    this.#backOff = 1
    this.#timer = 0
    if (this.#next > upTo) this.#arm()
    if (this.#recoverTo === undefined) {
      this.#duplicates = 0
      this.#window += this.#window < this.#threshold ? 1 : 1 / this.#window
    } else if (upTo < this.#recoverTo) {
      this.#send(upTo)
    } else {
      this.#recoverTo = undefined
      this.#duplicates = 0
      this.#window = this.#threshold
    }
  }

  #duplicate(): void {
    this.#duplicates++
    if (this.#recoverTo !== undefined) this.#window++
    if (this.#duplicates !== DUPLICATES || this.#recoverTo !== undefined) return
    this.#recoverTo = this.#next
    this.#threshold = Math.max(2, (this.#next - this.#acknowledged) / 2)
    this.#window = this.#threshold + DUPLICATES
    this.#send(this.#acknowledged)
  }
}

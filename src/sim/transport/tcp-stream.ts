/**
 * One direction of a TCP connection that stays open: bytes are written from time to time and come
 * out in order. The window is CUBIC's and recovery selective, as Linux has them; what is written at
 * once begins a segment of its own, as with TCP_NODELAY. Knows nothing of what the bytes mean.
 */
import { Arrivals } from './arrivals.js'
import { Cubic } from './cubic.js'
import { RECEIVE_BYTES } from './linux.js'
import { RoundTrip } from './round-trip.js'
import { Selective } from './selective.js'
import { type Acknowledgement, type SenderPort, WindowSender } from './window-sender.js'

export type StreamTerms = {
  /** Payload of a full segment. */
  readonly segmentBytes: number
  readonly initialWindow: number
  readonly leastTimeoutPs: number
  /** Round trip of the idle network. */
  readonly idlePs: number
}

/** As the sender's port, with the payload of each segment. */
export type StreamPort = Omit<SenderPort, 'send' | 'setPace'> & {
  send(segment: { sequence: number; payload: number; isAgain: boolean }): void
}

export class StreamSender {
  readonly #terms: StreamTerms
  readonly #sender: WindowSender
  /** Payload of each segment, of both ends: the receiver knows it from the packet. */
  readonly sizes: number[] = []
  /** All segments before it are acknowledged. */
  #acked = 0
  #unackedBytes = 0

  constructor(port: StreamPort, terms: StreamTerms) {
    const { sizes } = this
    this.#terms = terms
    const segments: SenderPort = {
      get nowPs() {
        return port.nowPs
      },
      get isNicFull() {
        return port.isNicFull
      },
      send: (sequence, isAgain) => port.send({ sequence, payload: sizes[sequence] ?? 0, isAgain }),
      setDeadline: (atPs) => port.setDeadline(atPs),
      // CUBIC never holds less than a packet.
      setPace: () => {},
    }
    const receiveWindow = Math.ceil(RECEIVE_BYTES / terms.segmentBytes)
    this.#sender = new WindowSender(segments, {
      packets: 0,
      outstanding: new Selective({ packets: 0, receiveWindow }),
      congestion: new Cubic(terms.initialWindow),
      roundTrip: new RoundTrip(terms.idlePs, terms.leastTimeoutPs),
    })
  }

  /** Written and not known to have come. */
  get unackedBytes(): number {
    return this.#unackedBytes
  }

  write(bytes: number): void {
    this.#unackedBytes += bytes
    const before = this.sizes.length
    for (let left = bytes; left > 0; left -= this.#terms.segmentBytes) {
      this.sizes.push(Math.min(left, this.#terms.segmentBytes))
    }
    this.#sender.extend(this.sizes.length - before)
  }

  acknowledged(said: Acknowledgement): void {
    for (; this.#acked < said.acked; this.#acked++) {
      this.#unackedBytes -= this.sizes[this.#acked] ?? 0
    }
    this.#sender.acknowledged(said)
  }

  timedOut(): void {
    this.#sender.timedOut()
  }
}

export class StreamReceiver {
  readonly #arrivals = new Arrivals()
  readonly #sizes: readonly number[]
  #inOrder = 0

  constructor(sizes: readonly number[]) {
    this.#sizes = sizes
  }

  /** All segments before this one have come. */
  get next(): number {
    return this.#arrivals.next
  }

  /** Returns how many more bytes can be read now. */
  take(sequence: number): number {
    this.#arrivals.take(sequence)
    let bytes = 0
    while (this.#inOrder < this.#arrivals.next) bytes += this.#sizes[this.#inOrder++] ?? 0
    return bytes
  }
}

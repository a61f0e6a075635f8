/**
 * The credit of one data link: what its peer lets it send, and what it tells its peer about both
 * directions. Without `Credits` everything may go at once, for measurements of what they bring.
 */
import { SputnikError } from '../base/errors.js'
import { CREDIT_MESSAGE_BYTES, type CreditMessage, readCreditMessage } from './credit-message.js'
import { CreditSender, type Departure } from './credit-sender.js'
import { type Arrived, type CreditPeer, type Credits, GENERATION } from './credits.js'
import { HEADER_BYTES } from './frame.js'

/** What the writer of frames asks of those who keep the credit of its link. */
export type CreditSource = {
  /** A transfer is ready; false when too many are. */
  offer(transfer: number, bytes: number, isExpected: boolean): boolean
  /** Bytes of the first transfer that may go now. */
  take(): Departure | undefined
  /** Whether there is something to tell. */
  readonly hasMessages: boolean
  /** At most so many of them, each once. */
  takeMessages(most: number): CreditMessage[]
}

export type LinkCredit = CreditSource & {
  /** As `Credits` numbers it; 0 without. */
  readonly peer: number
  /** Whether time alone may change something soon. */
  readonly idleMs: number
  /** This link has sent what it may: others may have waited for that. */
  passTurns(): void
  arrived(arrived: Arrived): void
  /** A credit frame came. @throws SputnikError FRAME_INVALID */
  receive(frame: Uint8Array): void
  roundTrip(roundTripUs: number): void
  tick(): void
  close(): void
}

export type CreditedOptions = {
  readonly credits: Credits
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  readonly link: CreditPeer
}

/** A piece goes no further than this, so that others can pass. */
const PIECE_BYTES_MAX = 1 << 18

export class Credited implements LinkCredit {
  readonly peer: number
  readonly #credits: Credits
  readonly #now: () => number
  readonly #sender = new CreditSender(GENERATION)

  constructor({ credits, now, link }: CreditedOptions) {
    this.#credits = credits
    this.#now = now
    this.peer = credits.connect(link, this.#nowUs)
  }

  offer(transfer: number, bytes: number, isExpected: boolean): boolean {
    const nowUs = this.#nowUs
    this.#credits.readyToSend(this.peer, nowUs)
    return this.#sender.offer({ transfer, bytes, isExpected }, nowUs)
  }

  /** All of a transfer if it may go, however long it is: then it needs no pieces. */
  take(): Departure | undefined {
    const sender = this.#sender
    if (sender.creditBytes <= 0 || !this.#credits.maySend(this.peer)) return undefined
    const nowUs = this.#nowUs
    const isWhole = sender.creditBytes >= sender.firstBytes
    const departure = sender.take(nowUs, isWhole ? undefined : PIECE_BYTES_MAX)
    if (departure !== undefined) {
      const { bytes } = departure
      this.#credits.sent(this.peer, { bytes, isAll: sender.backlogBytes === 0, nowUs })
    }
    return departure
  }

  passTurns(): void {
    // On the path of every frame, where a look at the clock would count.
    if (this.#credits.isTurnWaiting) this.#credits.passTurns(this.#nowUs)
  }

  get hasMessages(): boolean {
    return this.#sender.hasMessages || this.#credits.hasGrant(this.peer)
  }

  takeMessages(most: number): CreditMessage[] {
    const grant = this.#credits.takeGrant(this.peer)
    if (grant === undefined) return this.#sender.takeMessages(most)
    return [grant, ...this.#sender.takeMessages(most - 1)]
  }

  get idleMs(): number {
    const now = this.#now()
    const dueUs = this.#sender.nextTickUs ?? Number.POSITIVE_INFINITY
    return Math.min(Math.max(0, dueUs / 1000 - now), this.#credits.idleMs(now))
  }

  arrived(arrived: Arrived): void {
    this.#credits.arrived(this.peer, arrived, this.#nowUs)
  }

  receive(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    const nowUs = this.#nowUs
    if ((frame.length - HEADER_BYTES) % CREDIT_MESSAGE_BYTES !== 0) {
      throw new SputnikError('FRAME_INVALID', 'a credit frame holds no whole messages')
    }
    for (let at = HEADER_BYTES; at < frame.length; at += CREDIT_MESSAGE_BYTES) {
      const message = readCreditMessage(view, at)
      if (message.kind === 'grant') this.#sender.granted(message, nowUs)
      else this.#credits.receive(this.peer, message, nowUs)
    }
  }

  roundTrip(roundTripUs: number): void {
    this.#credits.roundTrip(this.peer, { roundTripUs, nowUs: this.#nowUs })
  }

  tick(): void {
    const nowMs = this.#now()
    this.#sender.tick(Math.floor(1000 * nowMs))
    this.#credits.tick(nowMs)
  }

  close(): void {
    this.#credits.disconnect(this.peer, this.#nowUs)
  }

  get #nowUs(): number {
    return Math.floor(1000 * this.#now())
  }
}

/** Every transfer may go as soon as it is there. */
export class Uncredited implements LinkCredit {
  readonly peer = 0
  readonly hasMessages = false
  readonly idleMs = Number.POSITIVE_INFINITY
  readonly #waiting: Departure[] = []

  offer(transfer: number, bytes: number): boolean {
    this.#waiting.push({ transfer, bytes, isLast: true })
    return true
  }

  take(): Departure | undefined {
    return this.#waiting.shift()
  }

  takeMessages(): CreditMessage[] {
    return []
  }

  passTurns(): void {}
  arrived(): void {}
  receive(): void {}
  roundTrip(): void {}
  tick(): void {}
  close(): void {}
}

/**
 * The sender's side of credits: says which bytes may go now on one connection, asks for credit it
 * was not given, and gives back what it did not use in time. Transfers go in the order they were
 * offered, one after another, since a stream of frames cannot interleave them. Pure; knows nothing
 * of the receiver's window.
 */
import { assert } from '../base/assert.js'
import { TRANSFERS_MAX } from './credit-account.js'
import type { Forfeit, Grant, Want } from './credit-message.js'

/** How soon to ask again before any grant told its lease. */
const REPEAT_US = 100_000

export type Offer = {
  readonly transfer: number
  readonly bytes: number
  /** Whether the receiver asked for this transfer and so knows that it comes. */
  readonly isExpected: boolean
}

/** Bytes of a transfer that may go now. */
export type Departure = {
  readonly transfer: number
  readonly bytes: number
  readonly isLast: boolean
}

type Waiting = { readonly transfer: number; left: number; wantedUs: number }

export class CreditSender {
  readonly #generation: number
  /** In the order offered. */
  readonly #waiting = new Map<number, Waiting>()
  /** At most one per transfer. */
  readonly #wants = new Map<number, Want>()
  #forfeit: Forfeit | undefined
  #backlog = 0
  #granted = 0
  #sent = 0
  #forfeited = 0
  #leaseUs = Number.POSITIVE_INFINITY
  #expiresUs = Number.POSITIVE_INFINITY

  /** One per connection: when that is lost, so is all that waits here. */
  constructor(generation: number) {
    this.#generation = generation
  }

  /** Bytes that may go now, if there are any to send. */
  get creditBytes(): number {
    return this.#granted - this.#sent - this.#forfeited
  }

  /** Bytes to go of the transfer whose turn it is. */
  get firstBytes(): number {
    const [first] = this.#waiting.values()
    return first?.left ?? 0
  }

  get backlogBytes(): number {
    return this.#backlog
  }

  get sentBytes(): number {
    return this.#sent
  }

  /** Transfers with bytes to go. */
  get unfinished(): number[] {
    return [...this.#waiting.keys()]
  }

  /** A whole message is ready; false: too many wait. One that already waits is not taken twice. */
  offer({ transfer, bytes, isExpected }: Offer, nowUs: number): boolean {
    assert(bytes > 0, 'a transfer has bytes')
    if (this.#waiting.has(transfer)) return true
    if (this.#waiting.size >= TRANSFERS_MAX) return false
    this.#expire(nowUs)
    // One the receiver knows of is asked for only when nothing comes.
    const waiting: Waiting = { transfer, left: bytes, wantedUs: nowUs }
    this.#waiting.set(transfer, waiting)
    this.#backlog += bytes
    // What the receiver asked for it sees coming by its first bytes, if any can go.
    const mustAsk = isExpected ? this.creditBytes === 0 : this.creditBytes < this.#backlog
    if (mustAsk) this.#want(waiting, { nowUs, endBytes: this.#sent + this.#backlog })
    return true
  }

  /** Late, repeated and foreign grants change nothing. */
  granted(grant: Grant, nowUs: number): void {
    if (grant.generation !== this.#generation || grant.grantedBytes <= this.#granted) return
    this.#expire(nowUs)
    this.#granted = grant.grantedBytes
    this.#leaseUs = grant.leaseUs
    this.#expiresUs = nowUs + grant.leaseUs
  }

  /** The next bytes that may go, at most `bytesMax`; undefined while nothing may. */
  take(nowUs: number, bytesMax = Number.MAX_SAFE_INTEGER): Departure | undefined {
    this.#expire(nowUs)
    const [first] = this.#waiting.values()
    const bytes = Math.min(this.creditBytes, first?.left ?? 0, bytesMax)
    if (first === undefined || bytes <= 0) return undefined
    first.left -= bytes
    this.#backlog -= bytes
    this.#sent += bytes
    const isLast = first.left === 0
    if (isLast) this.#waiting.delete(first.transfer)
    return { transfer: first.transfer, bytes, isLast }
  }

  /** Gives back what was not used within its lease and asks again for what was not granted. */
  tick(nowUs: number): void {
    this.#expire(nowUs)
    const [first] = this.#waiting.values()
    if (first === undefined || this.creditBytes > 0) return
    if (nowUs - first.wantedUs < this.#repeatUs) return
    this.#want(first, { nowUs, endBytes: this.#sent + first.left })
  }

  get hasMessages(): boolean {
    return this.#forfeit !== undefined || this.#wants.size > 0
  }

  /** What to tell the receiver, at most so much; what is taken is gone from the outbox. */
  takeMessages(most = Number.POSITIVE_INFINITY): Array<Want | Forfeit> {
    const messages: Array<Want | Forfeit> = []
    if (this.#forfeit !== undefined && most > 0) messages.push(this.#forfeit)
    if (messages.length > 0) this.#forfeit = undefined
    for (const [transfer, want] of this.#wants) {
      if (messages.length >= most) break
      messages.push(want)
      this.#wants.delete(transfer)
    }
    return messages
  }

  /** When `tick` is next of use; undefined: not before something happens. */
  get nextTickUs(): number | undefined {
    if (this.creditBytes > 0) return this.#expiresUs
    const [first] = this.#waiting.values()
    return first === undefined ? undefined : first.wantedUs + this.#repeatUs
  }

  get #repeatUs(): number {
    return Number.isFinite(this.#leaseUs) ? this.#leaseUs >> 1 : REPEAT_US
  }

  #want(waiting: Waiting, { nowUs, endBytes }: { nowUs: number; endBytes: number }): void {
    waiting.wantedUs = nowUs
    const { transfer, left } = waiting
    const generation = this.#generation
    this.#wants.set(transfer, { kind: 'want', generation, transfer, bytes: left, endBytes })
  }

  #expire(nowUs: number): void {
    if (nowUs < this.#expiresUs || this.creditBytes === 0) return
    this.#forfeited = this.#granted - this.#sent
    const generation = this.#generation
    this.#forfeit = { kind: 'forfeit', generation, forfeitedBytes: this.#forfeited }
  }
}

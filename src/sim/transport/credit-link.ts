/**
 * One end of a link between two hosts, as the data link of the fabric is: frames wait for credit,
 * go as far as it reaches, and what the two ends tell each other about it goes in frames between
 * them. The credit is the fabric's own (src/fabric/link-credit.ts and what it uses); frames are
 * counted here and not made. Knows nothing of packets.
 */
import { assert } from '../../base/assert.js'
import {
  CREDIT_MESSAGE_BYTES,
  CREDIT_MESSAGES_MAX,
  type CreditMessage,
  writeCreditMessage,
} from '../../fabric/credit-message.js'
import type { Credits } from '../../fabric/credits.js'
import { HEADER_BYTES } from '../../fabric/frame.js'
import { Credited, type LinkCredit, Uncredited } from '../../fabric/link-credit.js'

/** What travels in the stream, in this order. */
type Frame =
  | { readonly kind: 'part'; readonly flow: number; readonly payload: number; left: number }
  | { readonly kind: 'credit'; readonly bytes: Uint8Array; left: number }

export type LinkEndOptions = {
  /** Of the process; absent: every frame goes at once. */
  readonly credits?: Credits
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  /** Hands bytes to the stream. */
  readonly write: (bytes: number) => void
  /** Bytes of the stream that have not arrived. */
  readonly unackedBytes: () => number
  /** Payload of a flow has come and was read. */
  readonly onRead: (flow: number, bytes: number) => void
}

type Transfer = { readonly flow: number; readonly bytes: number }

export class LinkEnd {
  readonly #options: LinkEndOptions
  readonly #credit: LinkCredit
  /** On their way from here, and from the other end. */
  readonly #out: Frame[] = []
  #in: Frame[] = []
  readonly #offered = new Map<number, Transfer>()
  /** Transfers that the other end asked for, in the order in which it expects them. */
  readonly #asked: number[] = []
  /** By flow: bytes that have not come. */
  readonly #missing = new Map<number, number>()
  readonly #transferOf = new Map<number, number>()
  #other: LinkEnd | undefined
  #lastAsked = 0
  #lastOwn = 0
  #cameBytes = 0
  #unread = 0

  constructor(options: LinkEndOptions) {
    const { credits, now } = options
    this.#options = options
    const { unackedBytes } = options
    const link = { send: () => this.flush(), comeBytes: () => this.#cameBytes, unackedBytes }
    this.#credit = credits === undefined ? new Uncredited() : new Credited({ credits, now, link })
  }

  static join(one: LinkEnd, other: LinkEnd): void {
    one.#other = other
    other.#other = one
    one.#in = other.#out
    other.#in = one.#out
  }

  get peer(): number {
    return this.#credit.peer
  }

  get idleMs(): number {
    return this.#credit.idleMs
  }

  roundTrip(roundTripUs: number): void {
    this.#credit.roundTrip(roundTripUs)
  }

  /**
   * The number of an answer that will be asked for. It is even, those of frames that nobody asked
   * for are odd: each end counts its own.
   */
  expect(): number {
    const transfer = 2 * ++this.#lastAsked
    this.#otherEnd().#asked.push(transfer)
    return transfer
  }

  /** A frame is ready. */
  offer(flow: number, bytes: number): void {
    const asked = this.#asked.shift()
    const transfer = asked ?? 2 * ++this.#lastOwn + 1
    this.#offered.set(transfer, { flow, bytes })
    const other = this.#otherEnd()
    other.#missing.set(flow, bytes)
    other.#transferOf.set(flow, transfer)
    const isTaken = this.#credit.offer(transfer, bytes, asked !== undefined)
    assert(isTaken, 'no more transfers wait than a link takes')
    this.flush()
  }

  #otherEnd(): LinkEnd {
    assert(this.#other !== undefined, 'a link has two ends')
    return this.#other
  }

  /** Sends what may go, with what is to be told before it. */
  flush(): void {
    for (;;) {
      const part = this.#credit.take()
      const hasMessages = this.#credit.hasMessages
      const messages = hasMessages ? this.#credit.takeMessages(CREDIT_MESSAGES_MAX) : []
      if (part === undefined && messages.length === 0) break
      const toldBytes = messages.length === 0 ? 0 : this.#tell(messages)
      this.#options.write(toldBytes + (part === undefined ? 0 : this.#send(part)))
    }
    this.#credit.passTurns()
  }

  /** Bytes of the stream can be read. */
  came(bytes: number): void {
    this.#cameBytes += bytes
    this.#unread += bytes
  }

  /** Reads what has come; then time for what is not urgent. */
  poll(): void {
    while (this.#unread > 0) this.#readSome()
    this.#credit.tick()
    this.flush()
  }

  #tell(messages: readonly CreditMessage[]): number {
    const bytes = new Uint8Array(HEADER_BYTES + messages.length * CREDIT_MESSAGE_BYTES)
    const view = new DataView(bytes.buffer)
    messages.forEach((message, at) => {
      writeCreditMessage(view, HEADER_BYTES + at * CREDIT_MESSAGE_BYTES, message)
    })
    this.#out.push({ kind: 'credit', bytes, left: bytes.length })
    return bytes.length
  }

  /** A part that is not all of its frame gets a header of its own. */
  #send({ transfer, bytes, isLast }: { transfer: number; bytes: number; isLast: boolean }): number {
    const offered = this.#offered.get(transfer)
    assert(offered !== undefined, 'what goes was offered')
    if (isLast) this.#offered.delete(transfer)
    const left = bytes === offered.bytes ? bytes : HEADER_BYTES + bytes
    this.#out.push({ kind: 'part', flow: offered.flow, payload: bytes, left })
    return left
  }

  #readSome(): void {
    const [frame] = this.#in
    assert(frame !== undefined, 'bytes belong to frames')
    const before = frame.left
    const bytes = Math.min(this.#unread, before)
    this.#unread -= bytes
    frame.left -= bytes
    if (frame.left === 0) this.#in.shift()
    if (frame.kind === 'credit') {
      if (frame.left === 0) this.#credit.receive(frame.bytes)
      return
    }
    // The header of a piece comes first and counts for nobody.
    const { flow, payload, left } = frame
    const payloadRead = Math.min(before, payload) - Math.min(left, payload)
    if (payloadRead > 0) this.#arrive(flow, payloadRead)
  }

  #arrive(flow: number, bytes: number): void {
    const missing = (this.#missing.get(flow) ?? 0) - bytes
    const transfer = this.#transferOf.get(flow) ?? 0
    this.#missing.set(flow, missing)
    if (missing === 0) {
      this.#missing.delete(flow)
      this.#transferOf.delete(flow)
    }
    this.#credit.arrived({ transfer, bytes, isLast: missing === 0 })
    this.#options.onRead(flow, bytes)
  }
}

/**
 * The credit of one process: one granter for all its data links, so that what their peers may have
 * under way fits together, and what is to be told to which of them. Knows nothing of frames and of
 * what is asked for.
 *
 * A grant for a peer travels before the next frame that goes there. Where none is about to go it is
 * sent alone: at once by a head, whose domains wait for it, and by a domain when it has nothing to
 * do, since its answer takes the grant along.
 */
import { CreditGranter } from './credit-granter.js'
import type { CreditMessage, Grant } from './credit-message.js'
import type { CreditBalance, ReplyRequest } from './credit-terms.js'
import type { Come } from './link-estimate.js'
import { SendTurns } from './send-turns.js'

export type CreditsOptions = {
  /** Of a domain: heads hold some credit at all times, since it cannot know when they need it. */
  readonly isStanding: boolean
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
}

/** What credit needs of a link. */
export type CreditPeer = {
  /** Sends what is held for the peer and what may go there. */
  send(): void
  /** All that has come to this host so far, whether it was read yet or not. */
  comeBytes(): number
  /** What was handed to the system and has not arrived at the peer; 0 where nobody knows. */
  unackedBytes(): number
}

/** Least time between two looks at what time alone changes. */
const TICK_US_MIN = 50
/** Every connection is a new peer to the granter. */
export const GENERATION = 1

export class Credits {
  readonly isStanding: boolean
  readonly #granter: CreditGranter
  readonly #peers = new Map<number, CreditPeer>()
  readonly #held = new Map<number, Grant>()
  readonly #turns: SendTurns
  #isPassing = false
  #lastPeer = 0
  /** What has come from peers that are gone. */
  #goneBytes = 0
  /** When to look again; 0 after anything has happened. */
  #tickUs = 0

  constructor({ isStanding, now }: CreditsOptions) {
    this.isStanding = isStanding
    this.#turns = new SendTurns({ unackedBytes: (peer) => this.#unackedBytes(peer) })
    this.#granter = new CreditGranter({ isStanding, come: () => this.#come(now) })
  }

  get balance(): CreditBalance {
    return this.#granter.balance
  }

  /** Of this host's own link, as measured. */
  get bytesPerSecond(): number {
    return this.#granter.bytesPerSecond
  }

  /** A link begins; returns the number of its peer. */
  connect(link: CreditPeer, nowUs: number): number {
    this.#tickUs = 0
    const peer = ++this.#lastPeer
    this.#peers.set(peer, link)
    this.#granter.connected({ peer, generation: GENERATION }, nowUs)
    return peer
  }

  disconnect(peer: number, nowUs: number): void {
    this.#goneBytes += this.#peers.get(peer)?.comeBytes() ?? 0
    this.#peers.delete(peer)
    this.#held.delete(peer)
    this.#turns.lost(peer)
    this.#granter.lost({ peer, generation: GENERATION }, nowUs)
    this.#deliver()
    this.passTurns(nowUs)
  }

  /**
   * Replies that a head is about to ask for, all of one step at once, before it sends the
   * dispatches, which take the grants along. `peer` is the one of a data link; `transfer` as
   * `transferOf` numbers the dispatch and its reply; `bytes` of the whole frame.
   * @throws SputnikError FRAME_INVALID when a peer owes too many replies
   */
  request(replies: readonly ReplyRequest[], nowMs: number): void {
    this.#tickUs = 0
    for (const [peer, grant] of this.#granter.requestAll(replies, toUs(nowMs))) {
      this.#held.set(peer, grant)
    }
  }

  /** Moves on what time alone changes. Data links call it too, whenever they find nothing. */
  tick(nowMs: number): void {
    const nowUs = toUs(nowMs)
    // Nothing tells when what was sent has arrived.
    if (this.isTurnWaiting) this.passTurns(nowUs)
    if (nowUs < this.#tickUs) return
    this.#granter.tick(nowUs)
    this.#deliver()
    const nextUs = this.#granter.nextTickUs(nowUs) ?? Number.POSITIVE_INFINITY
    this.#tickUs = Math.max(nextUs, nowUs + TICK_US_MIN)
  }

  /** There is something to be sent to a peer; it may go when `maySend` says so. */
  readyToSend(peer: number, nowUs: number): void {
    this.#tickUs = 0
    this.#turns.ready(peer, nowUs)
  }

  maySend(peer: number): boolean {
    return this.#turns.maySend(peer)
  }

  /** Bytes go to a peer, and with them all there was, or not. */
  sent(peer: number, sent: { bytes: number; isAll: boolean; nowUs: number }): void {
    this.#turns.sent(peer, sent)
  }

  /** Whether somebody waits for a turn: `passTurns` does nothing otherwise. */
  get isTurnWaiting(): boolean {
    return this.#turns.isWaiting
  }

  /** Lets those send whose turn begins. */
  passTurns(nowUs: number): void {
    // Who sends comes back here; one loop is enough, however many links there are.
    if (this.#isPassing) return
    this.#isPassing = true
    try {
      for (let peer = this.#turns.next(nowUs); peer !== undefined; ) {
        this.#peers.get(peer)?.send()
        peer = this.#turns.next(nowUs)
      }
    } finally {
      this.#isPassing = false
    }
  }

  /** How long nobody needs to call `tick`. */
  idleMs(nowMs: number): number {
    if (this.isTurnWaiting) return 0
    return Math.max(0, (this.#tickUs - toUs(nowMs)) / 1000)
  }

  hasGrant(peer: number): boolean {
    if (this.#granter.hasGrants) this.#hold()
    return this.#held.has(peer)
  }

  takeGrant(peer: number): Grant | undefined {
    const grant = this.#held.get(peer)
    this.#held.delete(peer)
    return grant
  }

  /** Bytes of a transfer came in. */
  arrived(peer: number, arrival: Arrived, nowUs: number): void {
    this.#granter.arrived({ peer, generation: GENERATION, ...arrival }, nowUs)
    this.#tickUs = 0
    if (!this.isStanding) this.#deliver()
  }

  /** What a peer says as a sender. @throws SputnikError FRAME_INVALID */
  receive(peer: number, message: Exclude<CreditMessage, Grant>, nowUs: number): void {
    if (message.kind === 'want') this.#granter.wanted(peer, { want: message, nowUs })
    else this.#granter.forfeited(peer, { forfeit: message, nowUs })
    this.#tickUs = 0
    this.#deliver()
  }

  roundTrip(peer: number, { roundTripUs, nowUs }: { roundTripUs: number; nowUs: number }): void {
    this.#tickUs = 0
    this.#granter.roundTrip({ peer, roundTripUs }, nowUs)
  }

  #deliver(): void {
    for (const peer of this.#hold()) this.#peers.get(peer)?.send()
  }

  #unackedBytes(peer: number): number {
    return this.#peers.get(peer)?.unackedBytes() ?? 0
  }

  #come(now: () => number): Come {
    let bytes = this.#goneBytes
    for (const peer of this.#peers.values()) bytes += peer.comeBytes()
    return { bytes, nowUs: toUs(now()) }
  }

  /** Later grants contain the earlier ones. */
  #hold(): number[] {
    if (!this.#granter.hasGrants) return []
    const grants = this.#granter.takeGrants()
    for (const [peer, grant] of grants) this.#held.set(peer, grant)
    return [...grants.keys()]
  }
}

export type Arrived = {
  readonly transfer: number
  readonly bytes: number
  readonly isLast: boolean
}

function toUs(ms: number): number {
  return Math.floor(1000 * ms)
}

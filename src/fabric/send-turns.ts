/**
 * Which links of a process may send transfers now: few at a time, in the order in which they had
 * something to send. So what was ready first is whole first, and its receiver can begin while
 * others still wait; all at once would all be whole at the end. Pure; knows nothing of credit and
 * of what is sent.
 *
 * One message after the other is how a sender of Homa's goes about it (Montazeri et al., SIGCOMM
 * 2018, section 3.2), there by what is left, here by who came first.
 */
import { SEGMENT_BYTES } from './credit-window.js'

export type SendTurnsOptions = {
  /** What was handed to the system for a peer and has not arrived there; 0 where nobody knows. */
  readonly unackedBytes: (peer: number) => number
}

/** Links that send at a time: while one waits for credit, another uses the port. */
const SENDERS = 3
/** Whose bytes do not move for so long keeps nobody waiting. */
const PATIENCE_US = 1000
/** Not worth a look, and the last word about so much may come late (delayed acknowledgements). */
const FEW_BYTES = 10 * SEGMENT_BYTES

type Turn = {
  /** When it began, or when bytes last moved. */
  movedUs: number
  sentBytes: number
  /** Nothing is left but what the system still has. */
  isWritten: boolean
  leftBytes: number
}

export class SendTurns {
  readonly #options: SendTurnsOptions
  /** Of those that may send. */
  readonly #turns = new Map<number, Turn>()
  /** First of all the next. */
  readonly #waiting = new Set<number>()

  constructor(options: SendTurnsOptions) {
    this.#options = options
  }

  /** A peer has something to be sent. */
  ready(peer: number, nowUs: number): void {
    const turn = this.#turns.get(peer)
    if (turn?.isWritten === true) this.#begin(peer, nowUs)
    if (turn !== undefined || this.#waiting.has(peer)) return
    if (this.#waiting.size === 0 && this.#isRoom(nowUs)) this.#begin(peer, nowUs)
    else this.#waiting.add(peer)
  }

  maySend(peer: number): boolean {
    return this.#turns.has(peer)
  }

  /** Bytes go to a peer, and with them all there was, or not. */
  sent(
    peer: number,
    { bytes, isAll, nowUs }: { bytes: number; isAll: boolean; nowUs: number },
  ): void {
    const turn = this.#turns.get(peer)
    if (turn === undefined) return
    turn.sentBytes += bytes
    turn.movedUs = nowUs
    turn.isWritten = isAll
    turn.leftBytes = turn.sentBytes
    if (isAll && turn.sentBytes <= FEW_BYTES) this.#turns.delete(peer)
  }

  /** The peer is gone. */
  lost(peer: number): void {
    this.#turns.delete(peer)
    this.#waiting.delete(peer)
  }

  /** The peer whose turn begins now; undefined when nobody's does. */
  next(nowUs: number): number | undefined {
    const [first] = this.#waiting
    if (first === undefined || !this.#isRoom(nowUs)) return undefined
    this.#waiting.delete(first)
    this.#begin(first, nowUs)
    return first
  }

  /** Whether `next` may have something although nothing happens here. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }

  #begin(peer: number, nowUs: number): void {
    this.#turns.set(peer, { movedUs: nowUs, sentBytes: 0, isWritten: false, leftBytes: 0 })
  }

  #isRoom(nowUs: number): boolean {
    let busy = 0
    for (const [peer, turn] of this.#turns) {
      if (this.#isOver(peer, { turn, nowUs })) this.#turns.delete(peer)
      else if (nowUs - turn.movedUs < PATIENCE_US) busy++
    }
    return busy < SENDERS
  }

  #isOver(peer: number, { turn, nowUs }: { turn: Turn; nowUs: number }): boolean {
    if (!turn.isWritten) return false
    const leftBytes = this.#options.unackedBytes(peer)
    if (leftBytes < turn.leftBytes) turn.movedUs = nowUs
    turn.leftBytes = leftBytes
    return leftBytes <= FEW_BYTES
  }
}

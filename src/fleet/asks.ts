/**
 * What each domain is to be asked, and what it was asked and has not answered, also in steps that
 * are over: an answer that comes late is known for what it is. Bounded, since a domain that owes
 * too much is given up by its lease long before. Pure.
 */
import { FRAME, type FrameHeader } from '../fabric/frame.js'
import type { Piece } from './piece.js'

export type AsksOptions = {
  /** Whether a domain is asked again only when it owes no answer. */
  readonly isSerial: (domain: number) => boolean
  /** Milliseconds after which the answer of a domain to so many pairs is late. */
  readonly lateMs: (domain: number, pairs: number) => number
}

export type OpenAsk = { readonly step: number; readonly piece: Piece }

/** Asks of one domain; the oldest are forgotten beyond, and their answers then name nothing. */
const OPEN_MAX = 1024

export class Asks {
  readonly #options: AsksOptions
  readonly #byDomain = new Map<number, OpenAsk[]>()
  /** By domain, the last step and how often it was asked in it. */
  readonly #last = new Map<number, { step: number; count: number }>()

  /** Of domains that owe another answer first. */
  #held: Piece[] = []
  #outbox: Piece[] = []

  constructor(options: AsksOptions) {
    this.#options = options
  }

  /** Nothing of earlier steps is sent any more. */
  begin(): void {
    this.#held = []
    this.#outbox = []
  }

  /** Pieces to send, each once. */
  takeOutbox(): Piece[] {
    const pieces = this.#outbox
    this.#outbox = []
    return pieces
  }

  ask(piece: Piece, { step, now }: { step: number; now: number }): void {
    const { domain, share } = piece
    if (this.#options.isSerial(domain) && (this.#byDomain.get(domain)?.length ?? 0) > 0) {
      piece.state = 'held'
      this.#held.push(piece)
      return
    }
    piece.state = 'asked'
    piece.askedMs = now
    piece.lateAtMs = now + this.#options.lateMs(domain, share.pairCount)
    piece.attempt = this.#attempts(domain, step)
    this.#open(piece, step)
    this.#outbox.push(piece)
  }

  /** A domain has answered: asks what it was not asked for so long. */
  askHeld(domain: number, at: { step: number; now: number }): void {
    const next = this.#held.find((piece) => piece.domain === domain)
    if (next === undefined) return
    this.#held = this.#held.filter((piece) => piece !== next)
    this.ask(next, at)
  }

  #open(piece: Piece, step: number): void {
    const asks = this.#byDomain.get(piece.domain) ?? []
    if (asks.length === 0) this.#byDomain.set(piece.domain, asks)
    if (asks.length >= OPEN_MAX) asks.shift()
    asks.push({ step, piece })
  }

  #attempts(domain: number, step: number): number {
    const last = this.#last.get(domain)
    if (last === undefined) this.#last.set(domain, { step, count: 1 })
    else if (last.step !== step) Object.assign(last, { step, count: 1 })
    else return last.count++
    return 0
  }

  /**
   * The ask that a frame answers, which is open no more; a failure may name none but the oldest.
   */
  close(domain: number, { step, attempt, kind }: FrameHeader): OpenAsk | undefined {
    const asks = this.#byDomain.get(domain)
    if (asks === undefined) return undefined
    let at = asks.findIndex((ask) => ask.step === step && ask.piece.attempt === attempt)
    if (at < 0 && kind === FRAME.failed && step === 0) at = 0
    return at < 0 ? undefined : asks.splice(at, 1)[0]
  }

  /** A domain is gone; returns the pieces of the step that it owed. */
  forget(domain: number, step: number): Piece[] {
    const asks = this.#byDomain.get(domain) ?? []
    const isIts = (piece: Piece): boolean => piece.domain === domain
    const pieces = [
      ...asks.filter((ask) => ask.step === step).map(({ piece }) => piece),
      ...this.#held.filter(isIts),
    ]
    this.#byDomain.delete(domain)
    this.#last.delete(domain)
    this.#held = this.#held.filter((piece) => !isIts(piece))
    this.#outbox = this.#outbox.filter((piece) => !isIts(piece))
    return pieces
  }

  /** Of the step, what is late by now. */
  late(step: number, now: number): Piece[] {
    const late: Piece[] = []
    for (const asks of this.#byDomain.values()) {
      for (const ask of asks) {
        if (ask.step === step && now >= ask.piece.lateAtMs && !ask.piece.isDone) {
          late.push(ask.piece)
        }
      }
    }
    return late
  }

  /** When the first of them will be. */
  nextLateMs(step: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const asks of this.#byDomain.values()) {
      for (const ask of asks) {
        if (ask.step === step && !ask.piece.isDone) next = Math.min(next, ask.piece.lateAtMs)
      }
    }
    return next
  }

  /** Domains that owe an answer since then or longer, whatever it was for. */
  owingSince(ms: number): number[] {
    return [...this.#byDomain]
      .filter(([, asks]) => (asks[0]?.piece.askedMs ?? Number.POSITIVE_INFINITY) <= ms)
      .map(([domain]) => domain)
  }
}

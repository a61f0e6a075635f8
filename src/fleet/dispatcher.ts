/**
 * Computes one region of one step on the fleet, as a state machine: splits the tokens by domain,
 * says what to send, takes what comes back. Sums are added in the order of domain ids, or on demand
 * the experts' own rows in the order of the router, which no placement changes. What a lost domain
 * owed is split anew; what is late is asked of replicas too, and whichever answer is whole first
 * counts, once. Experts keep no state, so asking twice changes nothing. Knows neither links nor
 * clocks.
 */
import { assert, defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import { readFailure } from '../fabric/control.js'
import type { WireFormat } from '../fabric/dispatch.js'
import { FRAME, FRAME_TOKENS_MAX, type FrameHeader, readHeader } from '../fabric/frame.js'
import { bytesOf, type ReceivedFrame } from '../fabric/link.js'
import type { NativeBuffer } from '../native/memory.js'
import { NO_DOMAIN, type Page } from '../pages/holder-table.js'
import { Asks, type AsksOptions } from './asks.js'
import { dispatchBytes, writeDispatch } from './dispatch-writer.js'
import { PAGES_MS } from './limits.js'
import { Partition, type RouterChoice, type Share } from './partition.js'
import { Piece } from './piece.js'
import type { RegionCall } from './region-call.js'
import type { Answer } from './reply-times.js'
import { copyOf, type Work, workOf } from './shares.js'
import { Sums } from './sums.js'

export type Choose = (
  choice: RouterChoice,
  region: number,
  except?: number | undefined,
) => Uint16Array

export type DispatcherOptions = AsksOptions & {
  /** One more than the highest id of a domain. */
  readonly domains: number
  readonly format: WireFormat
  /** The domain of each pair, never `except`; NO_DOMAIN where nobody can be asked now. */
  readonly choose: Choose
  /** Whether a domain may be given up for an error it reports; otherwise that ends the step. */
  readonly isReplaceable: (domain: number) => boolean
  readonly onAnswer: (answer: Answer) => void
  /** Its answer is late; whether it is asked of others depends on replicas. */
  readonly onLate: (domain: number, isHedged: boolean) => void
  /** Whether a domain that was asked for these pages has said that some of them are gone. */
  readonly isExcused: (domain: number, pages: readonly Page[]) => boolean
  /** It did not answer for so long, or with an error: it must be told to go. */
  readonly onFailed: (domain: number, reason: string) => void
  /** Since when there are pages that nobody holds; undefined while there are none. */
  readonly orphansSinceMs: () => number | undefined
  /** Longest wait for one answer. */
  readonly answerMs?: number
  /** Longest wait for pages that nobody holds. */
  readonly pagesMs?: number
}

/** What to send: `write` fills a frame of `bytes`, before the next step begins. */
export type Outgoing = {
  readonly domain: number
  readonly bytes: number
  readonly replyBytes: number
  /** As credits number it. */
  readonly transfer: number
  readonly write: (frame: NativeBuffer) => void
}

/** A header counts attempts up to here in 16 bits, a transfer's number in 4. */
const ATTEMPTS_MAX = 16
/** Longest wait for one answer. */
const ANSWER_MS = 60_000
const US_PER_MS = 1000

export class Dispatcher {
  readonly #options: DispatcherOptions
  /**
   * Of the first split, whose shares live through the step, and of later ones, which are copied.
   */
  readonly #first: Partition
  readonly #later: Partition
  readonly #sums: Sums
  readonly #asks: Asks
  #call: RegionCall | undefined
  #pieces: readonly Piece[] = []
  #step = 0
  #error: SputnikError | undefined
  #waitsSinceMs: number | undefined
  /** Time the domains spent on computing, as they report it, in microseconds. */
  computeUs = 0

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#first = new Partition(options.domains)
    this.#later = new Partition(options.domains)
    this.#sums = new Sums(options.format)
    this.#asks = new Asks(options)
  }

  begin(call: RegionCall, now: number): void {
    assert(call.choice.tokens <= FRAME_TOKENS_MAX, 'more tokens than a frame can count')
    this.#step = (this.#step + 1) >>> 0
    this.#call = call
    this.#sums.begin()
    this.#asks.begin()
    this.#error = undefined
    this.#waitsSinceMs = undefined
    this.#pieces = this.#split({ choice: call.choice }, { partition: this.#first, now })
  }

  get isDone(): boolean {
    return this.#error !== undefined || this.#pieces.every((piece) => piece.isDone)
  }

  /**
   * Writes the sums, once all is there. @throws SputnikError CARD_LOST, PAGES_LOST, a card's own
   */
  end(): void {
    const call = this.#openCall()
    this.#call = undefined
    this.#asks.begin()
    if (this.#error !== undefined) throw this.#error
    assert(this.isDone, 'a step that is not done')
    this.#sums.write(this.#answers(), call)
  }

  /** What to send now; each once. */
  takeOutbox(): Outgoing[] {
    return this.#asks.takeOutbox().map((piece) => this.#outgoing(piece))
  }

  /**
   * A frame of a domain that no control message is.
   * @returns false when it answers nothing that the domain was ever asked
   */
  receive(domain: number, frame: ReceivedFrame, now: number): boolean {
    const header = readHeader(frame.buffer.view)
    const open = this.#asks.close(domain, header)
    if (open === undefined) return false
    if (this.#call !== undefined) this.#asks.askHeld(domain, { step: this.#step, now })
    const piece = open.step === this.#step && this.#call !== undefined ? open.piece : undefined
    if (header.kind === FRAME.failed) {
      this.#fail(domain, { frame, piece, now })
      return true
    }
    if (header.kind !== FRAME.combine) return false
    this.#note(open.piece, { domain, header, now })
    return piece === undefined || this.#take(piece, { header, frame })
  }

  /** A domain is gone. */
  lost(domain: number, now: number): void {
    const pieces = this.#asks.forget(domain, this.#step)
    if (this.#call === undefined) return
    for (const piece of pieces) this.#askAgain(piece, now)
  }

  /** Somebody may hold now what nobody held: asks for what waits once all of it can be had. */
  placementChanged(now: number): void {
    if (this.#call === undefined || this.#waitsSinceMs === undefined) return
    for (const piece of [...this.#all()]) {
      if (isWaiting(piece) && this.#canAsk(workOf(piece.share, piece.work))) {
        this.#askAgain(piece, now)
      }
    }
    if ([...this.#all()].some(isWaiting)) return
    this.#waitsSinceMs = undefined
  }

  /** Asks replicas for what is late, gives up what takes too long. */
  tick(now: number): void {
    const { answerMs = ANSWER_MS, pagesMs = PAGES_MS } = this.#options
    for (const domain of this.#asks.owingSince(now - answerMs)) {
      this.#options.onFailed(domain, 'it did not answer in time')
    }
    if (this.#call === undefined) return
    for (const piece of this.#asks.late(this.#step, now)) this.#hedge(piece, now)
    const since = this.#waitsSinceMs
    if (since !== undefined && now - since >= pagesMs) this.#giveUp()
  }

  /** When `tick` is next of use. */
  nextTickMs(now: number): number {
    const { pagesMs = PAGES_MS } = this.#options
    const since = this.#waitsSinceMs
    const pages = since === undefined ? Number.POSITIVE_INFINITY : since + pagesMs
    return Math.max(now, Math.min(pages, this.#asks.nextLateMs(this.#step)))
  }

  #openCall(): RegionCall {
    return defined(this.#call, 'a step that has begun')
  }

  *#all(): Generator<Piece> {
    for (const piece of this.#pieces) yield* piece.all()
  }

  /** Splits work by domain and puts what can be asked into the outbox. */
  #split(
    work: Work,
    { partition, now, except }: { partition: Partition; now: number; except?: number | undefined },
  ): Piece[] {
    const { region } = this.#openCall()
    const owners = this.#options.choose(work.choice, region, except)
    const pieces: Piece[] = []
    const nobody = this.#options.domains
    partition.split(work.choice, owners).forEach((share, at) => {
      if (share.tokenCount === 0) return
      const kept = partition === this.#first ? share : copyOf(share)
      pieces.push(this.#piece(kept, { work, domain: at === nobody ? NO_DOMAIN : at, now }))
    })
    return pieces
  }

  #piece(share: Share, { work, domain, now }: { work: Work; domain: number; now: number }): Piece {
    const piece = new Piece({ domain, share, work })
    if (domain === NO_DOMAIN) this.#waitsSinceMs ??= this.#options.orphansSinceMs() ?? now
    else this.#ask(piece, now)
    return piece
  }

  #ask(piece: Piece, now: number): void {
    this.#asks.ask(piece, { step: this.#step, now })
    if (piece.attempt < ATTEMPTS_MAX) return
    const text = `domain ${piece.domain} was asked too often`
    this.#error ??= new SputnikError('CARD_LOST', text)
  }

  #outgoing(piece: Piece): Outgoing {
    const call = this.#openCall()
    const { format } = this.#options
    const what = { call, step: this.#step, format }
    return {
      domain: piece.domain,
      bytes: dispatchBytes(what, piece),
      replyBytes: this.#sums.replyBytes(piece, call),
      transfer: (ATTEMPTS_MAX * this.#step + piece.attempt) >>> 0,
      write: (frame) => writeDispatch(what, piece, frame),
    }
  }

  #note(
    piece: Piece,
    { domain, header, now }: { domain: number; header: FrameHeader; now: number },
  ): void {
    this.computeUs += header.computeUs
    this.#options.onAnswer({
      domain,
      pairs: piece.pairs,
      us: US_PER_MS * (now - piece.askedMs),
      computeUs: header.computeUs,
      isLate: now >= piece.lateAtMs || piece.state === 'lost',
    })
  }

  /** False when the answer is of another shape than was asked for. */
  #take(piece: Piece, { header, frame }: { header: FrameHeader; frame: ReceivedFrame }): boolean {
    const call = this.#openCall()
    if (!this.#sums.isRight(piece, call, { header, bytes: frame.bytes })) return false
    piece.state = 'answered'
    if (piece.isDone) return true
    const isWhole =
      this.#pieces.length === 1 &&
      this.#pieces[0] === piece &&
      piece.share.tokenCount === call.choice.tokens
    this.#sums.take(piece, call, { frame, isWhole })
    return true
  }

  #fail(
    domain: number,
    { frame, piece, now }: { frame: ReceivedFrame; piece: Piece | undefined; now: number },
  ): void {
    const error = readFailure(bytesOf(frame), domain)
    // What a step that is over asked for may have left the domain since.
    if (piece === undefined) return
    if (!this.#options.isReplaceable(domain)) {
      this.#error ??= error
      return
    }
    if (error.code === 'PAGE_NOT_MAPPED' && this.#options.isExcused(domain, this.#pages(piece))) {
      this.#askAgain(piece, now)
      return
    }
    this.#askAgain(piece, now, domain)
    this.#options.onFailed(domain, error.message)
  }

  #pages({ share }: Piece): Page[] {
    const { region } = this.#openCall()
    return [...share.experts.subarray(0, share.pairCount)].map((expert) => ({ region, expert }))
  }

  /** Splits the pairs of a piece anew, unless its alternatives are under way already. */
  #askAgain(piece: Piece, now: number, except?: number): void {
    piece.state = piece.domain === NO_DOMAIN ? 'waiting' : 'lost'
    if (piece.isDone || piece.others !== undefined) return
    const work = workOf(piece.share, piece.work)
    piece.others = this.#split(work, { partition: this.#later, now, except })
  }

  /** Only when others can do all of it: a sum cannot be taken apart. Not a second time. */
  #hedge(piece: Piece, now: number): void {
    piece.lateAtMs = Number.POSITIVE_INFINITY
    const work = workOf(piece.share, piece.work)
    const isFirst = this.#pieces.includes(piece) && piece.others === undefined
    const isHedged = isFirst && this.#canAsk(work, piece.domain)
    this.#options.onLate(piece.domain, isHedged)
    if (!isHedged) return
    piece.others = this.#split(work, { partition: this.#later, now, except: piece.domain })
  }

  /** Whether somebody else can be asked for every pair. */
  #canAsk(work: Work, except?: number): boolean {
    const { region } = this.#openCall()
    const owners = this.#options.choose(work.choice, region, except)
    for (let pair = 0; pair < owners.length; pair++) {
      if (owners[pair] === NO_DOMAIN && !isGap(work, pair)) return false
    }
    return true
  }

  #giveUp(): void {
    const pieces = [...this.#all()].filter((piece) => isWaiting(piece))
    const { region, record } = this.#openCall()
    const experts = new Set(
      pieces.flatMap(({ share }) => [...share.experts.subarray(0, share.pairCount)]),
    )
    this.#error ??= new SputnikError(
      'PAGES_LOST',
      `no domain holds ${experts.size} of the experts that layer ${record.layer} needs`,
      { region, experts: experts.size },
    )
  }

  *#answers(): Generator<Piece> {
    for (const piece of this.#pieces) yield* piece.answers()
  }
}

function isWaiting(piece: Piece): boolean {
  return piece.domain === NO_DOMAIN && piece.others === undefined
}

function isGap({ choice }: Work, pair: number): boolean {
  return (choice.experts[pair] ?? 0) < 0
}

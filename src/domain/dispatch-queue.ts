/**
 * The dispatches a domain has not answered: each card computes one part at a time, in the order
 * they came, unless its pages are still on their way back. Pure.
 */
import { assert, defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { ReceivedFrame } from '../fabric/link.js'
import type { Job, Part } from './job.js'

/** Not answered at a time; heads that hedge have a few, more is a head gone wrong. */
const JOBS_MAX = 64
const BYTES_MAX = 256 << 20

/** A dispatch that takes its card down so often is given up. */
const LOSSES_MAX = 2

export type Failed = { readonly job: Job; readonly error: SputnikError }

type CardQueue = {
  /** First of all the next. */
  waiting: Part[]
  /** On the card now. */
  sent: { readonly part: Part; readonly since: number } | undefined
}

export class DispatchQueue {
  readonly #cards: readonly CardQueue[]
  readonly #jobs = new Set<Job>()
  #bytes = 0

  constructor(cards: number) {
    this.#cards = Array.from({ length: cards }, () => ({ waiting: [], sent: undefined }))
  }

  get size(): number {
    return this.#jobs.size
  }

  /** @throws SputnikError CARD_BUSY */
  check(): void {
    if (this.#jobs.size < JOBS_MAX && this.#bytes < BYTES_MAX) return
    throw new SputnikError('CARD_BUSY', `${this.#jobs.size} dispatches wait for their turn`)
  }

  add(job: Job): void {
    this.#jobs.add(job)
    this.#bytes += job.bytes
    for (const part of job.parts) this.#of(part.card).waiting.push(part)
  }

  /** Whether a card has nothing to compute. */
  isIdle(card: number): boolean {
    const { waiting, sent } = this.#of(card)
    return waiting.length === 0 && sent === undefined
  }

  /** What a card computes, and since when; undefined when it does not. */
  sent(card: number): { readonly part: Part; readonly since: number } | undefined {
    return this.#of(card).sent
  }

  /** The next part to send to a card that is ready for it. */
  next(
    card: number,
    { now, isReady }: { now: number; isReady: (part: Part) => boolean },
  ): Part | undefined {
    const queue = this.#of(card)
    if (queue.sent !== undefined) return undefined
    const at = queue.waiting.findIndex(isReady)
    const [part] = at < 0 ? [] : queue.waiting.splice(at, 1)
    if (part !== undefined) queue.sent = { part, since: now }
    return part
  }

  /** What a card was sent last and has answered now. */
  finish(card: number): Part | undefined {
    const queue = this.#of(card)
    const part = queue.sent?.part
    queue.sent = undefined
    return part
  }

  /** What the head is to be sent when this was the last answer; undefined when it was not. */
  take(part: Part, frame: ReceivedFrame): ReceivedFrame | undefined {
    if (part.job.isOver) return undefined
    const answer = part.job.take(part, frame)
    if (answer !== undefined) this.end(part.job)
    return answer
  }

  /** The job is answered or given up. */
  end(job: Job): void {
    if (!this.#jobs.delete(job)) return
    this.#bytes -= job.bytes
    job.end()
    for (const { card } of job.parts) {
      const queue = this.#of(card)
      queue.waiting = queue.waiting.filter((part) => part.job !== job)
    }
  }

  /** The card is asked again when it is back; gives the job that took it down too often. */
  cardLost(card: number): Failed | undefined {
    const part = this.finish(card)
    if (part === undefined || part.job.isOver) return undefined
    if (++part.losses < LOSSES_MAX) {
      this.#of(card).waiting.unshift(part)
      return undefined
    }
    this.end(part.job)
    const text = `card ${card} was lost ${part.losses} times over one dispatch`
    return { job: part.job, error: new SputnikError('CARD_LOST', text) }
  }

  /** Gives up what waits and cannot be computed, by the reason that `whyNot` finds. */
  giveUp(whyNot: (part: Part) => SputnikError | undefined): Failed[] {
    return this.#cards
      .flatMap(({ waiting }) => waiting)
      .flatMap((part) => {
        const error = part.job.isOver ? undefined : whyNot(part)
        if (error === undefined) return []
        this.end(part.job)
        return [{ job: part.job, error }]
      })
  }

  #of(card: number): CardQueue {
    assert(card < this.#cards.length, 'a card that there is')
    return defined(this.#cards[card], 'a card')
  }
}

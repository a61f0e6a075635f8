/**
 * What this host lends to one head: a domain with its cards and its supply, and the link to that
 * head. Looks at each of them and does what the domain wants done; never waits, and knows nothing
 * of other loans.
 */
import type { SputnikError } from '../base/errors.js'
import type { Link } from '../fabric/link.js'
import type { Cards } from './cards.js'
import type { Domain } from './domain.js'
import type { DomainMessage } from './outbox.js'
import type { Supply } from './supply.js'

export type LoanOptions = {
  readonly domain: Domain
  readonly cards: Cards
  readonly supply: Supply
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** This host takes back what it lends, once the pages are elsewhere. */
  readonly isLeaving: () => boolean
  /** All cards are ready for pages; once. */
  readonly onLoaded: () => void
  /** The head is gone, or the cards can never serve it; once. */
  readonly onOver: () => void
  /** A few times a second. */
  readonly onTick: (domain: Domain) => void
}

const TICK_MS = 10
const REPORT_MS = 250
/** Frames of one link in a row, so that none keeps others waiting. */
const FRAMES_MAX = 32

export class Loan {
  readonly #options: LoanOptions
  #head: Link | undefined
  #isLoaded = false
  #isOver = false
  #tickedAt = -Infinity
  #reportedAt = -Infinity

  constructor(options: LoanOptions) {
    this.#options = options
  }

  /** Why it is over: what the head said when it ended the link, or what the cards lack. */
  get failure(): SputnikError | undefined {
    const { domain } = this.#options
    return domain.failure ?? domain.farewell
  }

  /** Whether pages are on their way, which nothing announces. */
  get isMoving(): boolean {
    const { domain, supply } = this.#options
    return domain.isMoving || supply.pending > 0
  }

  /** Where something may come from. */
  get links(): readonly Link[] {
    const { cards } = this.#options
    return this.#head === undefined ? cards.links : [this.#head, ...cards.links]
  }

  /** The head may ask from now on. */
  serve(head: Link): void {
    const { domain, now } = this.#options
    this.#head = head
    domain.joined(now())
    this.#flush()
  }

  /** True when something has happened. */
  look(): boolean {
    const isBusy = [this.#lookAtHead(), this.#lookAtCards(), this.#lookAtSupply()].includes(true)
    this.#tick()
    this.#noteState()
    return isBusy
  }

  #lookAtHead(): boolean {
    const { domain, now } = this.#options
    const head = this.#head
    for (let frames = 0; frames < FRAMES_MAX; frames++) {
      const frame = head?.poll()
      if (frame === undefined) return frames > 0
      if (frame === 'gone') {
        this.#end()
        return true
      }
      domain.receive(frame, now())
      this.#flush()
      // A card of this process has the answer now, and the head waits for it.
      this.#lookAtCards()
    }
    return true
  }

  #lookAtCards(): boolean {
    const { cards } = this.#options
    let isBusy = false
    for (let card = 0; card < cards.links.length; card++) isBusy = this.#lookAtCard(card) || isBusy
    return isBusy
  }

  #lookAtCard(card: number): boolean {
    const { domain, cards, now } = this.#options
    const frame = cards.poll(card)
    if (frame === undefined) return false
    if (frame === 'gone') {
      const isNew = domain.cardLost(card, now())
      this.#flush()
      return isNew
    }
    domain.receiveCard(card, frame, now())
    this.#flush()
    return true
  }

  #lookAtSupply(): boolean {
    const { domain, supply, now } = this.#options
    if (supply.pending === 0) return false
    const answers = supply.take()
    if (answers.length === 0) return false
    domain.supplied(answers, { badPages: supply.badPages, now: now() })
    this.#flush()
    return true
  }

  #tick(): void {
    const { domain, now, onTick } = this.#options
    const time = now()
    if (time - this.#tickedAt < TICK_MS) return
    this.#tickedAt = time
    if (this.#options.isLeaving()) this.#leave(time)
    domain.tick(time)
    this.#flush()
    if (time - this.#reportedAt < REPORT_MS) return
    this.#reportedAt = time
    onTick(domain)
  }

  /** A head that was never told of the domain has given it nothing. */
  #leave(now: number): void {
    if (this.#head === undefined) this.#end()
    else this.#options.domain.leave(now)
  }

  #noteState(): void {
    const { domain, onLoaded } = this.#options
    if (domain.failure !== undefined || domain.hasLeft) this.#end()
    else if (!this.#isLoaded && domain.isLoaded) {
      this.#isLoaded = true
      onLoaded()
    }
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    // Whatever ended it: what the link had of the port and of the system goes to other heads.
    this.#head?.close()
    this.#options.onOver()
  }

  #flush(): void {
    for (const message of this.#options.domain.takeOutbox()) this.#do(message)
  }

  #do(message: DomainMessage): void {
    const { cards, supply } = this.#options
    if (message.to === 'head') {
      const { buffer, bytes } = message.frame
      if (this.#head?.send(buffer, bytes) === false) this.#end()
    } else if (message.to === 'card') {
      // A card that takes nothing is gone, which its link says when it is looked at.
      cards.links[message.card]?.send(message.frame.buffer, message.frame.bytes)
    } else if (message.to === 'restart') cards.restart(message.card)
    else supply[message.to](message.pages)
  }
}

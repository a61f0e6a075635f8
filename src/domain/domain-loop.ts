/**
 * Drives a domain with what there really is: looks at the link to the head, the cards and the
 * supply, does what the domain wants done, and sleeps when nobody has anything to say.
 */
import type { Link } from '../fabric/link.js'
import { waitAny } from '../fabric/wait-any.js'
import type { Cards } from './cards.js'
import type { Domain } from './domain.js'
import type { DomainMessage } from './outbox.js'
import type { Supply } from './supply.js'

export type DomainLoopOptions = {
  readonly domain: Domain
  readonly cards: Cards
  readonly supply: Supply
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Lets another process run. */
  readonly yield: () => void
  /** How long to look at links before sleeping. */
  readonly spinUs: number
  /** False ends the domain: nobody wants it any more. */
  readonly isWanted: () => boolean
  /** A few times a second. */
  readonly onTick: (domain: Domain) => void
}

const TICK_MS = 10
const REPORT_MS = 250
/** Longest sleep, and while pages are on their way, which nothing announces. */
const SLEEP_MS = 100
const MOVING_MS = 1
/** Frames of one link in a row, so that none keeps others waiting. */
const FRAMES_MAX = 32

export class DomainLoop {
  readonly #options: DomainLoopOptions
  #head: Link | undefined
  #isHeadGone = false
  #tickedAt = -Infinity
  #reportedAt = -Infinity

  constructor(options: DomainLoopOptions) {
    this.#options = options
  }

  /** Until all cards are ready for pages. @throws SputnikError why one is not */
  load(): void {
    this.#run(() => !this.#options.domain.isLoaded)
  }

  /**
   * Serves a head until it is gone or the domain is no longer wanted.
   * @throws SputnikError what the head said when it ended the link
   */
  serve(head: Link): void {
    const { domain, now } = this.#options
    this.#head = head
    this.#isHeadGone = false
    domain.joined(now())
    this.#flush()
    this.#run(() => !this.#isHeadGone)
    this.#head = undefined
    if (domain.farewell !== undefined) throw domain.farewell
  }

  #run(goesOn: () => boolean): void {
    const { isWanted, now, spinUs } = this.#options
    let busyAt = now()
    while (goesOn() && isWanted()) {
      const isBusy = this.#look()
      const time = now()
      if (isBusy) busyAt = time
      else if (1000 * (time - busyAt) < spinUs) this.#options.yield()
      else this.#sleep()
    }
  }

  /** True when something has happened. */
  #look(): boolean {
    const isBusy = [this.#lookAtHead(), this.#lookAtCards(), this.#lookAtSupply()].includes(true)
    this.#tick()
    const { failure } = this.#options.domain
    if (failure !== undefined) throw failure
    return isBusy
  }

  #lookAtHead(): boolean {
    const { domain, now } = this.#options
    const head = this.#head
    for (let frames = 0; frames < FRAMES_MAX; frames++) {
      const frame = head?.poll()
      if (frame === undefined) return frames > 0
      if (frame === 'gone') this.#isHeadGone = true
      if (frame === 'gone') return true
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
    domain.tick(time)
    this.#flush()
    if (time - this.#reportedAt < REPORT_MS) return
    this.#reportedAt = time
    onTick(domain)
  }

  #sleep(): void {
    const { domain, supply, cards } = this.#options
    const isMoving = domain.isMoving || supply.pending > 0
    const links = this.#head === undefined ? cards.links : [this.#head, ...cards.links]
    waitAny(links, isMoving ? MOVING_MS : SLEEP_MS)
  }

  #flush(): void {
    for (const message of this.#options.domain.takeOutbox()) this.#do(message)
  }

  #do(message: DomainMessage): void {
    const { cards, supply } = this.#options
    if (message.to === 'head') {
      const { buffer, bytes } = message.frame
      if (this.#head?.send(buffer, bytes) === false) this.#isHeadGone = true
    } else if (message.to === 'card') {
      // A card that takes nothing is gone, which its link says when it is looked at.
      cards.links[message.card]?.send(message.frame.buffer, message.frame.bytes)
    } else if (message.to === 'restart') cards.restart(message.card)
    else supply[message.to](message.pages)
  }
}

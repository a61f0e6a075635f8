/**
 * Drives what a host lends to its heads: looks at each loan in turn, so that none keeps others
 * waiting, and sleeps when nobody has anything to say. Knows nothing of what is said.
 */
import { waitAny } from '../fabric/wait-any.js'
import type { Loan } from './loan.js'

export type DomainLoopOptions = {
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Lets another process run. */
  readonly yield: () => void
  /** How long to look at links before sleeping. */
  readonly spinUs: number
}

/** Longest sleep, and while pages are on their way, which nothing announces. */
const SLEEP_MS = 100
const MOVING_MS = 1

export class DomainLoop {
  readonly #options: DomainLoopOptions
  readonly #loans = new Set<Loan>()
  #busyAt = Number.NEGATIVE_INFINITY

  constructor(options: DomainLoopOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#loans.size === 0
  }

  add(loan: Loan): void {
    this.#loans.add(loan)
  }

  remove(loan: Loan): void {
    this.#loans.delete(loan)
  }

  /** Until `endMs`, or until there is no loan. */
  run(endMs: number): void {
    const { now, spinUs } = this.#options
    for (let time = now(); time < endMs && !this.isEmpty; time = now()) {
      if (this.#look()) this.#busyAt = time
      else if (1000 * (time - this.#busyAt) < spinUs) this.#options.yield()
      else this.#sleep(endMs - time)
    }
  }

  /** True when something has happened anywhere. */
  #look(): boolean {
    let isBusy = false
    for (const loan of this.#loans) isBusy = loan.look() || isBusy
    return isBusy
  }

  #sleep(atMostMs: number): void {
    const loans = [...this.#loans]
    const sleepMs = loans.some(({ isMoving }) => isMoving) ? MOVING_MS : SLEEP_MS
    const links = loans.flatMap((loan) => loan.links)
    waitAny(links, Math.min(sleepMs, atMostMs))
  }
}

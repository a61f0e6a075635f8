/**
 * How far a card is: started, told what to load, told what its experts compute, serving; and when
 * it is started again after it was lost. Pure.
 */

/**
 * `loaded`: waits for the head to say what experts compute. `resting`: until it is started again.
 */
export type CardPhase = 'starting' | 'loading' | 'loaded' | 'learning' | 'serving' | 'resting'

/** Longest silence in each phase that waits for the card. */
const SILENCE_MS: Readonly<Partial<Record<CardPhase, number>>> = {
  starting: 20_000,
  loading: 120_000,
  learning: 30_000,
}

/** How long a card rests before each start, by how often it failed in a row. */
const REST_MS = [0, 1000, 5000, 30_000]

/** So long dispatches wait for a card that is started again; then others had better do them. */
const PATIENCE_MS = 5000

export class CardLife {
  phase: CardPhase = 'starting'
  /** When it was heard of last, or its phase began. */
  #since: number
  /** Since when not all of its pages are there. */
  #lostAt: number | undefined
  #failures = 0
  #hasServed = false
  /** Nobody waits for it to come back, but it may. */
  isGivenUp = false

  constructor(now: number) {
    this.#since = now
  }

  /** Whether it has ever served: a card that cannot start at first never will. */
  get hasServed(): boolean {
    return this.#hasServed
  }

  enter(phase: CardPhase, now: number): void {
    this.phase = phase
    this.#since = now
    if (phase !== 'serving') return
    this.#failures = 0
    this.#hasServed = true
    this.isGivenUp = false
  }

  /** It has its pages again. */
  restored(): void {
    this.#lostAt = undefined
  }

  heard(now: number): void {
    this.#since = now
  }

  lost(now: number): void {
    this.#failures++
    this.#lostAt ??= now
    this.enter('resting', now)
  }

  /** It was lost long ago, and it or some of its pages have not come back. */
  isLate(now: number): boolean {
    return !this.isGivenUp && this.#lostAt !== undefined && now - this.#lostAt > PATIENCE_MS
  }

  isSilent(now: number): boolean {
    return now - this.#since > (SILENCE_MS[this.phase] ?? Infinity)
  }

  isToStart(now: number): boolean {
    const restMs = REST_MS[Math.min(this.#failures, REST_MS.length) - 1] ?? 0
    return this.phase === 'resting' && now - this.#since >= restMs
  }
}

/**
 * Maps and unmaps that wait for their turn on a card, worked off one page at a time in the order
 * they came. While dispatches come in, most of the time is left to them. Knows nothing of frames.
 */
import { SputnikError } from '../base/errors.js'

/** Pending at most; their heads hear of more than that at once. */
const PENDING_MAX = 64

/** After a page the card rests so many times as long, as long as it is asked to compute. */
const REST = 7

/** No longer than that: a page may have been slow for reasons that are over. */
const REST_MS_MAX = 50

/** A card that was asked to compute so recently is taken to be in use. */
const IN_USE_MS = 100

export type PageTask = {
  readonly id: number
  /** Takes in or lets go of one page per step. */
  readonly steps: Iterator<void, void>
}

export type FinishedTask = {
  readonly id: number
  readonly error?: unknown
}

export class PageWork {
  readonly #now: () => number
  readonly #pending: PageTask[] = []
  #restUntil = -Infinity
  #lastDispatch = -Infinity

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0
  }

  /** Whether the next page may be worked on now. */
  get isDue(): boolean {
    return !this.isEmpty && this.restMs === 0
  }

  /** How long to wait for frames before the next page is due. */
  get restMs(): number {
    const now = this.#now()
    if (now - this.#lastDispatch > IN_USE_MS) return 0
    return Math.max(0, this.#restUntil - now)
  }

  /** @throws SputnikError CARD_BUSY */
  add(task: PageTask): void {
    if (this.#pending.length >= PENDING_MAX) {
      throw new SputnikError('CARD_BUSY', `${PENDING_MAX} maps wait for their turn already`)
    }
    this.#pending.push(task)
  }

  /** To be called after each dispatch. */
  noteDispatch(): void {
    this.#lastDispatch = this.#now()
  }

  /** Works on one page; the task, when that was its last one or it failed. */
  step(): FinishedTask | undefined {
    const [task] = this.#pending
    if (task === undefined) return undefined
    const started = this.#now()
    const finished = advance(task)
    const ended = this.#now()
    this.#restUntil = ended + Math.min(REST_MS_MAX, REST * (ended - started))
    if (finished !== undefined) this.#pending.shift()
    return finished
  }
}

function advance({ id, steps }: PageTask): FinishedTask | undefined {
  try {
    return steps.next().done === true ? { id } : undefined
  } catch (error) {
    return { id, error }
  }
}

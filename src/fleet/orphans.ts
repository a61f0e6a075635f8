/**
 * Pages that nobody holds: how many there are, since when, and what people are told when that
 * begins and ends. Knows nothing of why they were lost.
 */
import type { Directory } from '../pages/directory.js'
import type { FleetLog } from './fleet-log.js'

export class Orphans {
  readonly #directory: Directory
  readonly #news: FleetLog
  #count: number
  #sinceMs: number

  constructor(directory: Directory, { news, now }: { news: FleetLog; now: number }) {
    this.#directory = directory
    this.#news = news
    this.#count = directory.orphans().length
    this.#sinceMs = now
  }

  get count(): number {
    return this.#count
  }

  /** Undefined while there are none. */
  get sinceMs(): number | undefined {
    return this.#count === 0 ? undefined : this.#sinceMs
  }

  /** The directory points elsewhere now. */
  note(now: number): void {
    const before = this.#count
    this.#count = this.#directory.orphans().length
    if (before === 0) this.#sinceMs = now
    const text = `${this.#count === 0 ? before : this.#count} pages`
    if (before === 0 && this.#count > 0) this.#news.note('pages-lost', { text })
    if (before > 0 && this.#count === 0) this.#news.note('pages-recovered', { text })
  }
}

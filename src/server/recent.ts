/**
 * One answer for all who ask within a time, so that many who look cost what one does. Knows nothing
 * of what is asked.
 */

export type RecentOptions<T> = {
  readonly read: () => Promise<T>
  /** How old an answer may be. */
  readonly ageMs: number
  /** Monotonic milliseconds. */
  readonly now: () => number
}

export class Recent<T> {
  readonly #options: RecentOptions<T>
  #reading: Promise<T> | undefined
  #last: { readonly value: T; readonly atMs: number } | undefined

  constructor(options: RecentOptions<T>) {
    this.#options = options
  }

  /** Rejects as `read` does; the next who asks tries again. */
  get(): Promise<T> {
    const { now, ageMs } = this.#options
    const last = this.#last
    if (last !== undefined && now() - last.atMs < ageMs) return Promise.resolve(last.value)
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<T> {
    this.#last = undefined
    const value = await this.#options.read()
    this.#last = { value, atMs: this.#options.now() }
    return value
  }
}

/** A number that two runs share only if they had the same events at the same times (FNV-1a). */

export class EventHash {
  #hash = 0x811c9dc5
  readonly #time = new Float64Array(1)
  readonly #words = new Uint32Array(this.#time.buffer)

  /** @param at in the clock's own unit */
  note(kind: number, at: number, subject: number): void {
    this.#time[0] = at
    this.#mix(kind)
    this.#mix(this.#words[0] ?? 0)
    this.#mix(this.#words[1] ?? 0)
    this.#mix(subject)
  }

  /** Eight hexadecimal digits. */
  get text(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** All four bytes of the word at once: spread, not secrecy, is what counts. */
  #mix(word: number): void {
    const mixed = Math.imul(this.#hash ^ word, 0x01000193)
    this.#hash = mixed ^ (mixed >>> 15)
  }
}

/**
 * What happens in a simulation: a hash over all of it, so that two runs can be compared, and the
 * last of it for people.
 */

type Entry = { atMs: number; what: string; a: number; b: number }

const KEPT = 40
const PRIME = 0x01000193
const NS_PER_MS = 1e6

export class Trace {
  #hash = 0x811c9dc5
  readonly #last: Entry[] = Array.from({ length: KEPT }, () => ({ atMs: 0, what: '', a: 0, b: 0 }))
  #count = 0
  readonly #write: ((line: string) => void) | undefined

  /** `write`: told of everything at once. */
  constructor(write?: (line: string) => void) {
    this.#write = write
  }

  get hash(): number {
    return this.#hash >>> 0
  }

  /** `a` and `b` are integers. */
  note(atMs: number, what: string, a = 0, b = 0): void {
    this.#mix(codeOf(what))
    this.#mix(Math.round(atMs * NS_PER_MS) | 0)
    this.#mix(a)
    this.#mix(b)
    const entry = this.#last[this.#count++ % KEPT]
    if (entry === undefined) return
    entry.atMs = atMs
    entry.what = what
    entry.a = a
    entry.b = b
    this.#write?.(lineOf(entry))
  }

  lastLines(): string[] {
    const from = Math.max(0, this.#count - KEPT)
    return Array.from({ length: this.#count - from }, (_, i) => {
      const entry = this.#last[(from + i) % KEPT]
      return entry === undefined ? '' : lineOf(entry)
    })
  }

  #mix(word: number): void {
    this.#hash = Math.imul(this.#hash ^ (word & 0xffff), PRIME)
    this.#hash = Math.imul(this.#hash ^ (word >>> 16), PRIME)
  }
}

const codes = new Map<string, number>()

function codeOf(what: string): number {
  const known = codes.get(what)
  if (known !== undefined) return known
  let code = 0x811c9dc5
  for (let i = 0; i < what.length; i++) code = Math.imul(code ^ what.charCodeAt(i), PRIME)
  codes.set(what, code)
  return code
}

function lineOf({ atMs, what, a, b }: Entry): string {
  return `${atMs.toFixed(3).padStart(12)} ms  ${what}  ${a} ${b}`
}

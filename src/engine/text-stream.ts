/**
 * Turns the bytes of tokens into text that may be shown: whole characters only, and nothing that
 * is or may become a stop string. Knows nothing of tokens.
 */
import { assert } from '../base/assert.js'

export type StreamedText = {
  readonly text: string
  /** A stop string was found; `text` ends before it and nothing follows. */
  readonly isStopped: boolean
}

export class TextStream {
  // A byte order mark in the middle of an answer is text like any other.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #matcher: StopMatcher

  constructor(stops: readonly string[]) {
    this.#matcher = new StopMatcher(stops)
  }

  push(bytes: Uint8Array): StreamedText {
    return this.#matcher.push(this.#decoder.decode(bytes, { stream: true }))
  }

  /** What was held back; an unfinished character becomes U+FFFD. */
  flush(): StreamedText {
    const last = this.#matcher.push(this.#decoder.decode())
    return last.isStopped ? last : { text: last.text + this.#matcher.flush(), isStopped: false }
  }
}

/**
 * Finds the first moment at which the text contains a stop string. How the text is cut into pieces
 * makes no difference; of stop strings that end at the same place the longest counts.
 */
export class StopMatcher {
  readonly #stops: readonly string[]
  #held = ''
  #isStopped = false

  constructor(stops: readonly string[]) {
    assert(
      stops.every((stop) => stop.length > 0),
      'an empty stop string',
    )
    this.#stops = stops
  }

  push(text: string): StreamedText {
    assert(!this.#isStopped, 'text after a stop string')
    if (this.#stops.length === 0) return { text, isStopped: false }
    const pending = this.#held + text
    const start = findStop(pending, this.#stops)
    if (start >= 0) {
      this.#isStopped = true
      this.#held = ''
      return { text: pending.slice(0, start), isStopped: true }
    }
    const safe = pending.length - heldLength(pending, this.#stops)
    this.#held = pending.slice(safe)
    return { text: pending.slice(0, safe), isStopped: false }
  }

  /** The text held back, now that nothing follows. */
  flush(): string {
    const text = this.#held
    this.#held = ''
    return text
  }
}

/** Start of the stop string that ends first, -1 without one. */
function findStop(text: string, stops: readonly string[]): number {
  let bestStart = -1
  let bestEnd = Infinity
  for (const stop of stops) {
    const start = text.indexOf(stop)
    if (start < 0) continue
    const end = start + stop.length
    if (end < bestEnd || (end === bestEnd && start < bestStart)) {
      bestStart = start
      bestEnd = end
    }
  }
  return bestStart
}

/** Length of the longest end of the text that begins a stop string. */
function heldLength(text: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops) {
    const most = Math.min(stop.length - 1, text.length)
    for (let length = most; length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) {
        longest = length
        break
      }
    }
  }
  return longest
}

/**
 * The link to a card in this very process: what is sent is computed at once, and the answers wait
 * to be polled. A page is worked on when nobody asks for anything, as the card's pace allows.
 */
import { assert } from '../base/assert.js'
import { Card, type CardHello } from '../card/card.js'
import type { Link, ReceivedFrame, Waits } from '../fabric/link.js'
import type { NativeBuffer } from '../native/memory.js'
import { FramePool } from './frame-pool.js'

export type InlineCardLinkOptions = {
  readonly hello: CardHello
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** Answers that nobody has fetched; a domain asks for one dispatch at a time. */
const ANSWERS_MAX = 1024

export class InlineCardLink implements Link {
  readonly #card: Card
  readonly #pool = new FramePool()
  /** Memory for answers that the pool is to have back. */
  readonly #pooled = new Set<NativeBuffer>()
  readonly #answers: ReceivedFrame[] = []
  /** The answer that was given last. */
  #held: NativeBuffer | undefined
  #outgoing: NativeBuffer | undefined
  #isOpen = true
  bytesSent = 0
  bytesReceived = 0

  constructor({ hello, now }: InlineCardLinkOptions) {
    const outlet = {
      frame: (bytes: number) => this.#answerMemory(bytes),
      send: (buffer: NativeBuffer, bytes: number) => this.#answer({ buffer, bytes }),
    }
    this.#card = new Card(outlet, now)
    this.#card.start(hello)
  }

  get waits(): Waits {
    // An answer that waits, or a page that is due, is no reason to sleep.
    const { restMs } = this.#card
    const doze = (): boolean => this.#answers.length === 0 && restMs > 0
    const wake = (): void => {}
    return { fd: -1, isWriting: false, ...(restMs < Infinity && { limitMs: restMs }), doze, wake }
  }

  frame(bytes: number): NativeBuffer {
    if (this.#outgoing !== undefined) this.#pool.giveBack(this.#outgoing)
    this.#outgoing = this.#pool.take(bytes)
    return this.#outgoing
  }

  send(buffer: NativeBuffer, bytes: number): boolean {
    if (!this.#isOpen) return false
    this.bytesSent += bytes
    this.#isOpen = this.#card.receive({ buffer, bytes })
    return true
  }

  poll(): ReceivedFrame | 'gone' | undefined {
    this.#release()
    if (this.#isOpen && this.#answers.length === 0) this.#isOpen = this.#card.work()
    const answer = this.#answers.shift()
    if (answer === undefined) return this.#isOpen ? undefined : 'gone'
    if (this.#pooled.delete(answer.buffer)) this.#held = answer.buffer
    this.bytesReceived += answer.bytes
    return answer
  }

  /** Nothing comes by waiting. */
  receive(): ReceivedFrame | undefined {
    const answer = this.poll()
    return answer === 'gone' ? undefined : answer
  }

  close(): void {
    this.#isOpen = false
    this.#answers.splice(0)
  }

  #answerMemory(bytes: number): NativeBuffer {
    const memory = this.#pool.take(bytes)
    this.#pooled.add(memory)
    return memory
  }

  #answer(answer: ReceivedFrame): boolean {
    assert(this.#answers.length < ANSWERS_MAX, 'nobody fetches the answers of a card')
    this.#answers.push(answer)
    return true
  }

  #release(): void {
    if (this.#held !== undefined) this.#pool.giveBack(this.#held)
    this.#held = undefined
  }
}

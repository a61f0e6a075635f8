/**
 * The link of a domain as a step sees it: frames that answer something else, such as a map of
 * pages, are taken out on the way. Knows nothing of what they say.
 */

import type { NativeBuffer } from '../native/memory.js'
import type { Link, ReceivedFrame, Waits } from './link.js'

export type StepLinkOptions = {
  /** True when a frame was for somebody else and has been dealt with. */
  readonly take: (frame: ReceivedFrame) => boolean
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
}

export class StepLink implements Link {
  readonly waits: Waits
  readonly #link: Link
  readonly #options: StepLinkOptions
  /** Came while nobody waited for it; the link is not asked for another before it is fetched. */
  #held: ReceivedFrame | undefined

  constructor(link: Link, options: StepLinkOptions) {
    this.#link = link
    this.#options = options
    this.waits = this.#waits()
  }

  get bytesSent(): number {
    return this.#link.bytesSent
  }

  get bytesReceived(): number {
    return this.#link.bytesReceived
  }

  frame(bytes: number): NativeBuffer {
    return this.#link.frame(bytes)
  }

  send(frame: NativeBuffer, bytes: number): boolean {
    return this.#link.send(frame, bytes)
  }

  receive(timeoutMs: number): ReceivedFrame | undefined {
    const held = this.#held
    this.#held = undefined
    return held ?? this.#next(timeoutMs)
  }

  poll(): ReceivedFrame | 'gone' | undefined {
    const held = this.#held
    this.#held = undefined
    return held ?? this.#look()
  }

  /** Deals with what has come so far, without waiting, up to the first frame for a step. */
  peek(): void {
    if (this.#held !== undefined) return
    const frame = this.#look()
    if (frame !== 'gone') this.#held = frame
  }

  close(): void {
    this.#link.close()
  }

  #look(): ReceivedFrame | 'gone' | undefined {
    for (;;) {
      const frame = this.#link.poll()
      if (frame === undefined || frame === 'gone' || !this.#options.take(frame)) return frame
    }
  }

  #waits(): Waits {
    const { waits } = this.#link
    return {
      get fd() {
        return waits.fd
      },
      get isWriting() {
        return waits.isWriting
      },
      doze: () => this.#held === undefined && waits.doze(),
      wake: () => waits.wake(),
    }
  }

  #next(timeoutMs: number): ReceivedFrame | undefined {
    const { now, take } = this.#options
    const deadline = now() + timeoutMs
    for (let leftMs = timeoutMs; ; leftMs = Math.max(0, deadline - now())) {
      const frame = this.#link.receive(leftMs)
      if (frame === undefined || !take(frame)) return frame
    }
  }
}

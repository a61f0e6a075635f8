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
  readonly #link: Link
  readonly #options: StepLinkOptions

  constructor(link: Link, options: StepLinkOptions) {
    this.#link = link
    this.#options = options
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
    const { now, take } = this.#options
    const deadline = now() + timeoutMs
    for (let leftMs = timeoutMs; ; leftMs = Math.max(0, deadline - now())) {
      const frame = this.#link.receive(leftMs)
      if (frame === undefined || !take(frame)) return frame
    }
  }

  /** Deals with what has come so far, up to the first frame for a step, which it returns. */
  poll(): ReceivedFrame | 'gone' | undefined {
    for (;;) {
      const frame = this.#link.poll()
      if (frame === undefined || frame === 'gone' || !this.#options.take(frame)) return frame
    }
  }

  get waits(): Waits {
    return this.#link.waits
  }

  close(): void {
    this.#link.close()
  }
}

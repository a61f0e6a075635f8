/** Waits for the next frame of one link: looks for it a short while before it sleeps. */
import type { Link, ReceivedFrame } from './link.js'
import { waitAny } from './wait-any.js'

export type ReceiveOptions = {
  /** How long to look without sleeping. */
  readonly spinUs: number
  /** Lets others use the core between two looks. */
  readonly yield: () => void
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
}

/** Attempts to receive between two looks at the clock. */
const TRIES_PER_LOOK = 16

/** Undefined: the peer is gone, or nothing came in time. */
export function receiveFrom(
  link: Pick<Link, 'poll' | 'waits'>,
  { spinUs, now, yield: yieldCore }: ReceiveOptions,
  timeoutMs: number,
): ReceivedFrame | undefined {
  const deadline = now() + timeoutMs
  let spinUntil = now() + Math.min(spinUs / 1000, timeoutMs)
  for (let tries = 1; ; tries++) {
    const frame = link.poll()
    if (frame !== undefined) return frame === 'gone' ? undefined : frame
    yieldCore()
    if (tries % TRIES_PER_LOOK !== 0) continue
    const time = now()
    if (time < spinUntil) continue
    if (time >= deadline) return undefined
    waitAny([link], deadline - time)
    spinUntil = 0
  }
}

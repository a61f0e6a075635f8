/**
 * Sleeps until one of many links may have something: one call of poll(2) over all their sockets.
 * Knows nothing of what comes.
 */
import { localSockets, WAIT_FOR } from '../native/sockets.js'
import type { Link } from './link.js'

/** How long the end of a link may go unnoticed that no socket tells of. */
const SLICE_MS_MAX = 100

let requests = new Int32Array(2 * 32)

/**
 * Returns when a link may have something, at the latest after `timeoutMs`, and at times for no
 * reason: whoever waits polls the links, looks at the clock and calls again.
 */
export function waitAny(links: readonly Pick<Link, 'waits'>[], timeoutMs: number): void {
  if (requests.length < 2 * links.length) requests = new Int32Array(4 * links.length)
  let dozing = 0
  let waitMs = Math.min(Math.ceil(timeoutMs), SLICE_MS_MAX)
  let mayWait = waitMs > 0
  for (const { waits } of links) {
    requests[2 * dozing] = waits.fd
    requests[2 * dozing + 1] = waits.isWriting ? WAIT_FOR.readAndWrite : WAIT_FOR.read
    dozing++
    mayWait &&= waits.doze()
    // A sleep cannot be shorter than a millisecond.
    waitMs = Math.min(waitMs, Math.floor(waits.limitMs ?? SLICE_MS_MAX))
    mayWait &&= waitMs > 0
    if (!mayWait) break
  }
  if (mayWait) localSockets().waitAny(requests, dozing, waitMs)
  else localSockets().yield()
  for (let i = 0; i < dozing; i++) links[i]?.waits.wake()
}

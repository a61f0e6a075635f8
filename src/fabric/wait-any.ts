/** Sleeps until one of several links may have something. */
import { pauseSync } from '../base/pause.js'
import { localSockets } from '../native/sockets.js'
import type { PolledLink } from './link.js'

/** Stands in for one poll(2) over all of them: the first is waited for, for a millisecond. */
export function waitAny(links: readonly PolledLink[], timeoutMs: number): void {
  const isIdle = links.every(({ waits }) => waits.doze())
  const first = links.find(({ waits }) => waits.fd >= 0)
  if (isIdle && first === undefined) pauseSync(1)
  else if (isIdle && first !== undefined)
    localSockets().wait(first.waits.fd, Math.min(1, timeoutMs))
  for (const { waits } of links) waits.wake()
}

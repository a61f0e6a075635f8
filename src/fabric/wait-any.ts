/** Sleeps until one of several links may have something. Knows nothing of what comes. */
import { localSockets } from '../native/sockets.js'
import type { Link } from './link.js'

export function waitAny(links: readonly Link[], timeoutMs: number): void {
  const isQuiet = links.map((link) => link.waits.doze()).every((quiet) => quiet)
  if (isQuiet) {
    localSockets().waitAny(
      links.map(({ waits }) => waits),
      Math.ceil(timeoutMs),
    )
  }
  for (const link of links) link.waits.wake()
}

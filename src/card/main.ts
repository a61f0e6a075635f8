/**
 * Entry of a card process. Its link to the head is the socket on file descriptor 3 and, where the
 * system has it, the shared memory on descriptor 4.
 */
import type { Link } from '../fabric/link.js'
import { SharedLink } from '../fabric/shared-link.js'
import { SocketLink } from '../fabric/socket-link.js'
import { loadLibraries } from '../native/library.js'
import type { Backend } from '../native/release.js'
import { mapShared, unmapShared } from '../native/shared-memory.js'
import { localSockets } from '../native/sockets.js'
import { type CardHello, runCard } from './card.js'
import { freeBytesOf } from './device.js'

const LINK_SOCKET = 3
const LINK_MEMORY = 4
const SEND_TIMEOUT_MS = 60_000

const [backend = 'cpu', device = 'cpu', spin = '0', shared = '0'] = process.argv.slice(2)

// Ctrl+C reaches the whole group, but a card is to serve until its head lets go of it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
loadLibraries(backend as Backend)
const now = (): number => performance.now()
runCard(openLink(), { now, hello: hello() })
// A normal exit would run destructors of a thread pool that may still be polling.
process.kill(process.pid, 'SIGKILL')

/** A device that is not there is reported when it is to be loaded. */
function hello(): CardHello {
  try {
    return { device, freeBytes: freeBytesOf(device) }
  } catch {
    return { device }
  }
}

function openLink(): Link {
  const sockets = localSockets()
  const spinUs = Number(spin)
  const socket = new SocketLink({
    sockets,
    socket: LINK_SOCKET,
    spinUs,
    sendTimeoutMs: SEND_TIMEOUT_MS,
    now,
  })
  if (Number(shared) === 0) return socket
  const memory = mapShared(LINK_MEMORY, Number(shared))
  const release = (): void => unmapShared(memory)
  return new SharedLink({
    socket,
    memory,
    isHead: false,
    spinUs,
    yield: sockets.yield,
    now,
    release,
  })
}

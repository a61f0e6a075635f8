/** Entry of a card process: its link to the head is the socket on file descriptor 3. */
import { SocketLink } from '../fabric/socket-link.js'
import { loadLibraries } from '../native/library.js'
import type { Backend } from '../native/release.js'
import { localSockets } from '../native/sockets.js'
import { Card } from './card.js'

const LINK_SOCKET = 3
const SEND_TIMEOUT_MS = 60_000

const [backend = 'cpu', spinUs = '0'] = process.argv.slice(2)

// Signals for a whole group of processes are for its first one; a card ends with its link.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

loadLibraries(backend as Backend)
const now = () => performance.now()
const link = new SocketLink({
  sockets: localSockets(),
  socket: LINK_SOCKET,
  spinUs: Number(spinUs),
  sendTimeoutMs: SEND_TIMEOUT_MS,
  now,
})
new Card(link, now).run()
// A normal exit would run destructors of a thread pool that may still be polling.
process.kill(process.pid, 'SIGKILL')

/**
 * A card in a process of its own: starts it, makes the link to it, ends it. Knows nothing of what
 * they say to each other.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Link } from '../fabric/link.js'
import { SharedLink } from '../fabric/shared-link.js'
import { SocketLink } from '../fabric/socket-link.js'
import { createShared, unmapShared } from '../native/shared-memory.js'
import type { Sockets } from '../native/sockets.js'

export type CardProcessOptions = {
  readonly backend: string
  readonly device: string
  readonly sockets: Sockets
  /** Of the memory shared with the card; 0: everything goes through the socket. */
  readonly sharedBytes: number
  /** How long either side looks for a frame before it sleeps. */
  readonly spinUs: number
  readonly now: () => number
}

const SEND_MS = 60_000
const ENTRY = fileURLToPath(new URL('../card/main.js', import.meta.url))

export class CardProcess {
  readonly #child: ChildProcess
  readonly link: Link

  /** Does not wait for anything. */
  constructor(options: CardProcessOptions) {
    const { sockets, backend, device, spinUs, sharedBytes, now } = options
    const [ours, theirs] = sockets.pair()
    const memory = sharedBytes > 0 ? createShared(sharedBytes) : undefined
    const inherited = memory === undefined ? [theirs] : [theirs, memory.fd]
    const args = [ENTRY, backend, device, String(spinUs), String(sharedBytes)]
    this.#child = spawn(process.execPath, args, {
      stdio: ['ignore', 'inherit', 'inherit', ...inherited],
    })
    this.#child.on('error', () => {})
    for (const fd of inherited) sockets.close(fd)
    const socket = new SocketLink({ sockets, socket: ours, spinUs, sendTimeoutMs: SEND_MS, now })
    this.link =
      memory === undefined
        ? socket
        : new SharedLink({
            ...{ socket, memory: memory.buffer, isHead: true, spinUs, now },
            yield: sockets.yield,
            release: () => unmapShared(memory.buffer),
          })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  stop(): void {
    this.link.close()
    this.#child.kill('SIGKILL')
  }
}

/**
 * Serves the pages that this domain has to other nodes of the fleet, on a port that the head tells
 * them. Knows nothing of where pages lie.
 */
import type { Logger } from '../base/log.js'
import { servePagesOver } from '../fabric/handshake-io.js'
import type { Identity } from '../fabric/identity.js'
import type { PagesDoor } from '../fabric/page-handshake.js'
import type { PagePlace } from '../fabric/page-messages.js'
import { PagePace } from '../fabric/page-pace.js'
import { PageServing, type PageShelf } from '../fabric/page-serving.js'
import { listenSecure, type SecureListener } from '../fabric/secure-listener.js'
import type { SecureConnection } from '../fabric/secure-socket.js'

export type SupplyServerOptions = {
  readonly identity: Identity
  readonly shelf: PageShelf
  /** Refuses nodes that the head did not name. */
  readonly door: PagesDoor
  /** Asks the head again before a stranger is refused; never rejects. */
  readonly refresh: () => Promise<void>
  readonly bytesPerSecond: number
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly log: Logger
}

const HANDSHAKE_MS = 5000
const PENDING_MAX = 32
const CONNECTIONS_MAX = 64
const BYTES_IN_FLIGHT_MAX = 16 << 20

export class SupplyServer {
  readonly #options: SupplyServerOptions
  readonly #pace: PagePace
  /** By node id. */
  readonly #served = new Map<string, PageServing>()
  #listener: SecureListener | undefined

  constructor(options: SupplyServerOptions) {
    const { bytesPerSecond, now, sleep } = options
    this.#options = options
    this.#pace = new PagePace({
      bytesPerSecond,
      bytesInFlightMax: BYTES_IN_FLIGHT_MAX,
      now,
      sleep,
    })
  }

  /** Nodes that are connected. */
  get size(): number {
    return this.#served.size
  }

  /** Listens on this address, by which the head is reached, and no longer on another. */
  async listen(host: string): Promise<PagePlace> {
    if (this.#listener?.host !== host) {
      await this.#listener?.close()
      this.#listener = await listenSecure({
        host,
        port: 0,
        identity: this.#options.identity,
        handshakeTimeoutMs: HANDSHAKE_MS,
        maxPending: PENDING_MAX,
        onSocket: (connection) => this.#admit(connection),
        onRefused: (error, address) => {
          this.#options.log.debug('a node gets no pages', { address, reason: error.message })
        },
      })
    }
    return { port: this.#listener.port, addresses: [host] }
  }

  /** Ends connections of nodes that are welcome no more. */
  review(): void {
    for (const [nodeId, serving] of this.#served) {
      if (!this.#isWelcome(nodeId)) serving.end('the node has left the fleet')
    }
  }

  async close(): Promise<void> {
    for (const serving of this.#served.values()) serving.end('this side has closed it')
    await this.#listener?.close()
  }

  async #admit(connection: SecureConnection): Promise<void> {
    const { door, refresh, shelf, now } = this.#options
    const { peerId, socket } = connection
    if (peerId === null || !this.#isWelcome(peerId)) await refresh()
    const shaken = await servePagesOver(connection, { door, timeoutMs: HANDSHAKE_MS })
    const { nodeId } = shaken.result
    this.#served.get(nodeId)?.end('the node has connected again')
    if (this.#served.size >= CONNECTIONS_MAX) {
      socket.destroy()
      return
    }
    const serving: PageServing = new PageServing({
      socket,
      frames: shaken.frames,
      shelf,
      pace: this.#pace,
      peers: () => [],
      onAnnounce: () => {},
      now,
      onEnd: () => {
        if (this.#served.get(nodeId) === serving) this.#served.delete(nodeId)
      },
    })
    this.#served.set(nodeId, serving)
    serving.start()
  }

  #isWelcome(nodeId: string): boolean {
    try {
      this.#options.door.check(nodeId)
      return true
    } catch {
      return false
    }
  }
}

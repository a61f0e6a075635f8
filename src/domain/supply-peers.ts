/**
 * Other nodes of the fleet as sources of pages: who they are as the head says, which pages they
 * have as they say. Connects to a few of them when pages are wanted. Knows nothing of whether what
 * they give is right.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../base/log.js'
import { nodeIdOf } from '../fabric/identity.js'
import type { PageClient } from '../fabric/page-client.js'
import { hasBit, type PagePeer } from '../fabric/page-messages.js'
import type { PageRef } from '../pages/manifest.js'
import type { PageSource } from '../pages/page-source.js'
import { PeerSource } from '../pages/sources/peer.js'

export type SupplyPeersOptions = {
  readonly nodeId: string
  /** Undefined while the head is away. */
  readonly head: () => PageClient | undefined
  readonly connect: (
    peer: { readonly pin: string; readonly host: string; readonly port: number },
    onEnd: () => void,
  ) => Promise<PageClient>
  /** Number of a page among all of the manifest. */
  readonly indexOf: (page: PageRef) => number
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  readonly log: Logger
  /** The head has said who belongs to the fleet. */
  readonly onList: () => void
}

type Peer = {
  /** Undefined while it is not part of the fleet. */
  place: PagePeer | undefined
  readonly source: PageSource
  client: PageClient | undefined
  connecting: Promise<PageClient> | undefined
  holdings: Uint8Array
  /** Of connecting, in a row. */
  failures: number
  restsUntilMs: number
}

/** Connections at a time. */
const CONNECTED_MAX = 16
/** What is older is asked for again. */
const HOLDINGS_FRESH_MS = 1000
const LIST_FRESH_MS = 250
/** Longer than that nobody waits for the others. */
const REFRESH_MS = 1500
/** For one piece of a page. */
const PIECE_MS = 8000
/** After it could not be reached; doubled each time. */
const REST_MS = 2000
const REST_MS_MAX = 60_000

export class SupplyPeers {
  readonly #options: SupplyPeersOptions
  /** By node id; one that comes back is the same source as before, with the same record. */
  readonly #peers = new Map<string, Peer>()
  readonly #all: Refreshing
  readonly #list: Refreshing

  constructor(options: SupplyPeersOptions) {
    this.#options = options
    this.#all = new Refreshing({ ...options, freshMs: HOLDINGS_FRESH_MS })
    this.#list = new Refreshing({ ...options, freshMs: LIST_FRESH_MS })
  }

  /** Those that can be asked, the least busy first. */
  get sources(): PageSource[] {
    return [...this.#peers.values()]
      .filter(({ client }) => client?.isOpen === true)
      .sort((a, b) => (a.client?.load ?? 0) - (b.client?.load ?? 0))
      .map(({ source }) => source)
  }

  isListed(nodeId: string): boolean {
    return this.#peers.get(nodeId)?.place !== undefined
  }

  /** Learns who belongs to the fleet and what they have; soon resolves, and never rejects. */
  refresh(): Promise<void> {
    return this.#all.run(async () => {
      await this.#list.run(() => this.#refreshList())
      await Promise.allSettled(this.#neighbours().map((peer) => this.#update(peer)))
    })
  }

  /** Learns only who belongs to the fleet. */
  refreshList(): Promise<void> {
    return this.#list.run(() => this.#refreshList())
  }

  /** Learns who belongs to the fleet as of now, or a little later; for one who may be new in it. */
  refreshListAnew(): Promise<void> {
    return this.#list.runAnew(() => this.#refreshList())
  }

  close(): void {
    for (const { client } of this.#peers.values()) client?.end('this side has closed it')
  }

  async #refreshList(): Promise<void> {
    const list = await this.#options.head()?.peers()
    if (list === undefined) return
    const listed = new Map(list.map((place) => [nodeIdOf(place.pin), place]))
    listed.delete(this.#options.nodeId)
    for (const [nodeId, peer] of this.#peers) {
      if (!listed.has(nodeId)) drop(peer)
    }
    for (const [nodeId, place] of listed) this.#note(nodeId, place)
    this.#options.onList()
  }

  #note(nodeId: string, place: PagePeer): void {
    const known = this.#peers.get(nodeId)
    if (known !== undefined) {
      known.place = place
      return
    }
    const source = new PeerSource({
      name: `node ${nodeId}`,
      ask: async (page, range) => {
        if (peer.client === undefined) throw new Error('it is not connected')
        return peer.client.page(page, range)
      },
      holds: (page) => hasBit(peer.holdings, this.#options.indexOf(page)),
      deadlineMs: PIECE_MS,
    })
    const holdings = new Uint8Array(0)
    const nothing = { client: undefined, connecting: undefined }
    const peer: Peer = { place, source, ...nothing, holdings, failures: 0, restsUntilMs: 0 }
    this.#peers.set(nodeId, peer)
  }

  /** Those after ourselves in the order of ids, so that not all ask the same ones. */
  #neighbours(): Peer[] {
    const now = this.#options.now()
    const able = [...this.#peers].filter(
      ([, { place, restsUntilMs }]) => (place?.port ?? 0) > 0 && restsUntilMs <= now,
    )
    const sorted = able.sort(([a], [b]) => (a < b ? -1 : 1))
    const after = sorted.filter(([id]) => id > this.#options.nodeId)
    const before = sorted.slice(0, sorted.length - after.length)
    return [...after, ...before].slice(0, CONNECTED_MAX).map(([, peer]) => peer)
  }

  async #update(peer: Peer): Promise<void> {
    const client = peer.client ?? (await this.#clientOf(peer))
    peer.holdings = await client.holdings()
  }

  #clientOf(peer: Peer): Promise<PageClient> {
    peer.connecting ??= this.#connect(peer).finally(() => {
      peer.connecting = undefined
    })
    return peer.connecting
  }

  /** By the first of its addresses that leads to it. */
  async #connect(peer: Peer): Promise<PageClient> {
    const { pin = '', port = 0, addresses = [] } = peer.place ?? {}
    let reason: unknown = new Error('it has no address')
    for (const host of addresses) {
      try {
        const onEnd = (): void => {
          peer.client = undefined
        }
        const client = await this.#options.connect({ pin, host, port }, onEnd)
        if (client.isOpen) peer.client = client
        peer.failures = 0
        return client
      } catch (error) {
        reason = error
      }
    }
    const restMs = Math.min(REST_MS * 2 ** peer.failures, REST_MS_MAX)
    peer.failures++
    peer.restsUntilMs = this.#options.now() + restMs
    throw reason
  }
}

type RefreshingOptions = Pick<SupplyPeersOptions, 'now' | 'log'> & { readonly freshMs: number }

/** Does something at most once at a time, not too often, and lets nobody wait for it for long. */
class Refreshing {
  readonly #options: RefreshingOptions
  #running: Promise<void> | undefined
  #endedAt = Number.NEGATIVE_INFINITY

  constructor(options: RefreshingOptions) {
    this.#options = options
  }

  /** Not satisfied with what was learnt before; waits rather than asks too often. */
  async runAnew(refresh: () => Promise<void>): Promise<void> {
    const { now, freshMs } = this.#options
    await this.#running
    const restMs = freshMs - (now() - this.#endedAt)
    if (restMs > 0) await sleep(restMs, undefined, { ref: false })
    return this.run(refresh)
  }

  run(refresh: () => Promise<void>): Promise<void> {
    const { now, log, freshMs } = this.#options
    if (this.#running !== undefined) return this.#running
    if (now() - this.#endedAt < freshMs) return Promise.resolve()
    const late = sleep(REFRESH_MS, undefined, { ref: false })
    this.#running = Promise.race([refresh(), late])
      .catch((error: unknown) => log.debug('the peers are not known', { reason: String(error) }))
      .finally(() => {
        this.#endedAt = now()
        this.#running = undefined
      })
    return this.#running
  }
}

function drop(peer: Peer): void {
  peer.place = undefined
  peer.holdings = new Uint8Array(0)
  peer.client?.end('it has left the fleet')
}

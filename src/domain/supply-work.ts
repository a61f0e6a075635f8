/**
 * The parts of a supply thread put together: wanted pages, the sources they come from in order of
 * preference, and the server for other nodes. Knows nothing of threads.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { SputnikError, toPlain } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import type { PageAt } from '../fabric/control.js'
import type { Range } from '../fabric/page-messages.js'
import type { PageShelf } from '../fabric/page-serving.js'
import { readSlices } from '../fabric/slice-reader.js'
import { type Manifest, type PageRef, pageName, pageRef } from '../pages/manifest.js'
import { PageFetcher } from '../pages/page-fetcher.js'
import type { PageFiles } from '../pages/page-files.js'
import type { PageSource } from '../pages/page-source.js'
import type { FileSource } from '../pages/sources/file.js'
import { PeerSource } from '../pages/sources/peer.js'
import { connectPages, type SupplyHead } from './supply-head.js'
import type { SupplyCommand, SupplyNews, SupplySetup } from './supply-messages.js'
import { SupplyPeers } from './supply-peers.js'
import { SupplyQueue } from './supply-queue.js'
import { SupplyServer } from './supply-server.js'
import { UrlSources } from './supply-sources.js'

export type SupplyWorkOptions = {
  readonly setup: SupplySetup
  readonly head: SupplyHead
  readonly manifest: Manifest
  readonly copy: FileSource | undefined
  readonly store: PageFiles
  readonly tell: (news: SupplyNews) => void
  readonly log: Logger
}

/** Of all pages that are being read or written. */
const IN_FLIGHT_BYTES_MAX = 128 << 20
const PEER_CONNECT_MS = 3000
const REVIEW_MS = 3000

export class SupplyWork {
  readonly #options: SupplyWorkOptions
  readonly #peers: SupplyPeers
  readonly #urls: UrlSources
  readonly #fetcher: PageFetcher
  readonly #queue: SupplyQueue
  readonly #server: SupplyServer
  readonly #ofHead: PageSource
  #prepared: Promise<void> | undefined

  constructor(options: SupplyWorkOptions) {
    const { setup, head, manifest, copy, store, tell, log } = options
    const now = (): number => performance.now()
    const pause = (ms: number): Promise<void> => sleep(ms)
    this.#options = options
    this.#urls = new UrlSources(setup.urls, { manifest, log })
    this.#ofHead = new PeerSource({
      name: 'the head',
      holds: () => head.client !== undefined,
      ask: async (page, range) => {
        if (head.client === undefined) throw new Error('it is not connected')
        return head.client.page(page, range)
      },
    })
    this.#peers = new SupplyPeers({
      nodeId: setup.identity.nodeId,
      head: () => head.client,
      connect: (peer, onEnd) =>
        connectPages({ ...peer, plain: false }, { ...setup, onEnd, timeoutMs: PEER_CONNECT_MS }),
      indexOf: this.#indexOf,
      now,
      log,
      onList: () => this.#server.review(),
    })
    this.#fetcher = new PageFetcher({
      sources: () => this.#sources(),
      now,
      inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
      onBadPage: (page, source) => {
        log.warn('a page was wrong', { page: pageName(page), source: source.name })
      },
    })
    this.#queue = new SupplyQueue({
      ...{ fetcher: this.#fetcher, store, copy, indexOf: this.#indexOf, sleep: pause },
      prepare: () => this.#prepare(),
      onReady: (ticket, source) => tell({ kind: 'ready', ticket, source, ...this.#counts() }),
      onFailed: (ticket, error) =>
        tell({ kind: 'failed', ticket, error: toPlain(error), ...this.#counts() }),
    })
    this.#server = new SupplyServer({
      ...{ identity: setup.identity, shelf: this.#shelf(), now, sleep: pause, log },
      door: {
        serves: { modelHash: manifest.model, manifestBytes: 0, regionsInUse: 0 },
        check: (nodeId) => this.#checkPeer(nodeId),
      },
      refresh: () => this.#peers.refreshListAnew(),
      bytesPerSecond: Number.POSITIVE_INFINITY,
    })
    setInterval(() => {
      // A node that was evicted meanwhile must go.
      if (this.#server.size > 0) void this.#peers.refreshList()
    }, REVIEW_MS)
  }

  obey(command: Exclude<SupplyCommand, { kind: 'close' }>): void {
    if (command.kind === 'release') {
      for (const ticket of command.tickets) this.#queue.release(ticket)
      return
    }
    if (command.kind === 'reject') {
      this.#reject(command.pages)
      return
    }
    const { wants } = command
    for (let at = 0; at < wants.length; at += 3) {
      const [ticket = 0, region = 0, expert = 0] = wants.subarray(at, at + 3)
      this.#want(ticket, { region, expert })
    }
  }

  /** Tells the head where other nodes get pages of us. */
  async announce(): Promise<void> {
    const { setup, head, log } = this.#options
    const { client } = head
    if (client === undefined || setup.head.plain) return
    try {
      await client.announce(await this.#server.listen(client.localAddress))
    } catch (error) {
      log.warn('other nodes get no pages here', { reason: String(error) })
    }
  }

  /** What is known of others is refreshed on the side; only at first is it worth waiting for. */
  #prepare(): Promise<void> {
    const refreshing = this.#peers.refresh()
    this.#prepared ??= Promise.all([refreshing, this.#urls.tried()]).then(() => {})
    return this.#prepared
  }

  #want(ticket: number, at: PageAt): void {
    const page = pageRef(this.#options.manifest, at)
    if (page !== undefined) {
      this.#queue.want(ticket, page)
      return
    }
    const text = `there is no expert ${at.expert} of region ${at.region}`
    const error = toPlain(new SputnikError('PAGE_UNAVAILABLE', text))
    this.#options.tell({ kind: 'failed', ticket, error, ...this.#counts() })
  }

  #reject(pages: Uint32Array): void {
    for (let at = 0; at < pages.length; at += 2) {
      const [region = 0, expert = 0] = pages.subarray(at, at + 2)
      const page = pageRef(this.#options.manifest, { region, expert })
      if (page !== undefined) this.#queue.reject(page)
    }
  }

  /** Those on this machine first; the head last, since its link has more to carry. */
  #sources(): PageSource[] {
    const { store, copy } = this.#options
    const own = copy === undefined ? [store] : [store, copy]
    return [...own, ...this.#peers.sources, ...this.#urls.sources, this.#ofHead]
  }

  #counts(): { badPages: number } {
    return { badPages: this.#fetcher.badPages }
  }

  readonly #indexOf = ({ region, expert }: Pick<PageRef, 'region' | 'expert'>): number => {
    return (this.#options.manifest.regions[region]?.firstPage ?? 0) + expert
  }

  #checkPeer(nodeId: string): void {
    if (this.#peers.isListed(nodeId)) return
    throw new SputnikError('NODE_EVICTED', 'the head does not name this node as one of its fleet')
  }

  #shelf(): PageShelf {
    const { manifest } = this.#options
    const refOf = (at: PageAt): PageRef | undefined => {
      const page = pageRef(manifest, at)
      return page !== undefined && this.#queue.has(page) !== undefined ? page : undefined
    }
    return {
      manifest: new Uint8Array(0),
      pageBytes: (at) => refOf(at)?.bytes,
      read: (at, range) => this.#read(refOf(at), range),
      holdings: () => this.#queue.holdings(manifest.pageCount),
    }
  }

  async #read(page: PageRef | undefined, range: Range): Promise<Uint8Array> {
    const { copy, store } = this.#options
    const where = page === undefined ? undefined : this.#queue.has(page)
    if (page === undefined || where === undefined) {
      throw new SputnikError('PAGE_UNAVAILABLE', 'the page is not here any more')
    }
    if (where === 'copy' && copy !== undefined) return copy.readRange(page, range)
    return readSlices([store.path(page)], {
      slices: [{ file: 0, offset: 0, bytes: page.bytes }],
      range,
    })
  }
}

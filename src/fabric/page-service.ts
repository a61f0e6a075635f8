/**
 * The head's side of pages connections: serves the manifest and all pages from the model's files,
 * and knows which nodes serve pages themselves. Lives in the fabric thread, so that steps and pages
 * do not wait for each other. Knows nothing of steps.
 */
import { X509Certificate } from 'node:crypto'
import { reasonOf } from '../base/errors.js'
import { checkKnown } from './admission.js'
import type { PageAt } from './control.js'
import type { FrameStream } from './frame-stream.js'
import type { NodeRegistry } from './node-registry.js'
import type { PagesDoor } from './page-handshake.js'
import { emptyBits, type PagePeer, type PagePlace, PEERS_MAX, setBit } from './page-messages.js'
import { PagePace } from './page-pace.js'
import { PageServing, type PageShelf } from './page-serving.js'
import { pinOfCertificate } from './peer-key.js'
import { isLoopback, type SecureConnection } from './secure-socket.js'
import { type Slice, SliceReader } from './slice-reader.js'

/** A model whose manifest is made; plain data for a thread. */
export type ServedModel = {
  readonly modelHash: string
  /** Encoded. */
  readonly manifest: Uint8Array
  /** Regions of the manifest that steps use; they come first. */
  readonly regionsInUse: number
  readonly files: readonly string[]
  readonly regions: ReadonlyArray<{
    readonly experts: number
    /** Of expert 0; those of the others follow, each tensor for itself. */
    readonly slices: readonly Slice[]
  }>
}

export type PageServiceOptions = {
  readonly registry: Pick<NodeRegistry, 'find'>
  readonly bytesPerSecond: number
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
}

type Node = {
  readonly serving: PageServing
  readonly pin: string | null
  /** As the head sees it. */
  readonly address: string
  place: PagePlace | null
}

const BYTES_IN_FLIGHT_MAX = 64 << 20
/** How often nodes are looked up again: one that was evicted since must go. */
const REVIEW_MS = 2000

export class PageService implements PagesDoor {
  readonly #options: PageServiceOptions
  readonly #pace: PagePace
  readonly #nodes = new Map<string, Node>()
  readonly #timer: NodeJS.Timeout
  #model: ServedModel | undefined
  #shelf: PageShelf | undefined
  /** Over connections that have ended. */
  #bytesSentBefore = 0

  constructor(options: PageServiceOptions) {
    const { bytesPerSecond, now } = options
    this.#options = options
    this.#pace = new PagePace({
      bytesPerSecond,
      bytesInFlightMax: BYTES_IN_FLIGHT_MAX,
      now,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    })
    this.#timer = setInterval(() => this.#review(), REVIEW_MS)
    this.#timer.unref()
  }

  /** From now on. */
  serve(model: ServedModel): void {
    this.#model = model
    this.#shelf = shelfOf(model)
  }

  /** Ids of the nodes that are connected. */
  get nodes(): string[] {
    return [...this.#nodes.keys()]
  }

  get bytesSent(): number {
    const served = [...this.#nodes.values()].map(({ serving }) => serving.bytesSent)
    return served.reduce((sum, bytes) => sum + bytes, this.#bytesSentBefore)
  }

  get modelHash(): string | null {
    return this.#model?.modelHash ?? null
  }

  get serves(): PagesDoor['serves'] {
    if (this.#model === undefined) return null
    const { modelHash, manifest, regionsInUse } = this.#model
    return { modelHash, manifestBytes: manifest.length, regionsInUse }
  }

  /** @throws SputnikError JOIN_KEY_REQUIRED, NODE_EVICTED */
  check(nodeId: string): void {
    checkKnown(this.#options.registry, nodeId)
  }

  /** Serves a node that was admitted; its connection from before ends. */
  open(
    { socket, peerCertificatePem: pem }: SecureConnection,
    { frames, nodeId }: { frames: FrameStream; nodeId: string },
  ) {
    const shelf = this.#shelf
    if (shelf === undefined || this.#nodes.size >= PEERS_MAX) {
      socket.destroy()
      return
    }
    this.#nodes.get(nodeId)?.serving.end('the node has connected again')
    const serving = new PageServing({
      socket,
      frames,
      shelf,
      pace: this.#pace,
      now: this.#options.now,
      peers: () => this.#peersFor(nodeId),
      onAnnounce: (place) => {
        node.place = place
      },
      onEnd: () => {
        this.#bytesSentBefore += serving.bytesSent
        if (this.#nodes.get(nodeId) === node) this.#nodes.delete(nodeId)
      },
    })
    const pin = pem === null ? null : pinOfCertificate(new X509Certificate(pem))
    const node: Node = { serving, pin, address: socket.remoteAddress ?? '', place: null }
    this.#nodes.set(nodeId, node)
    serving.start()
  }

  close(): void {
    clearInterval(this.#timer)
    for (const { serving } of this.#nodes.values()) serving.end('the head is closing')
  }

  #peersFor(asker: string): PagePeer[] {
    const isLocal = isLoopback(this.#nodes.get(asker)?.address ?? '')
    const peers: PagePeer[] = []
    for (const [nodeId, { pin, address, place }] of this.#nodes) {
      if (pin === null || nodeId === asker) continue
      const all = [...new Set([...(place?.addresses ?? []), address])]
      // Another host would find itself there.
      const addresses = all.filter((one) => one !== '' && (isLocal || !isLoopback(one)))
      peers.push({ pin, port: place?.port ?? 0, addresses })
    }
    return peers
  }

  #review(): void {
    for (const [nodeId, { serving }] of this.#nodes) {
      try {
        this.check(nodeId)
      } catch (error) {
        serving.end(reasonOf(error))
      }
    }
  }
}

function shelfOf({ manifest, files, regions }: ServedModel): PageShelf {
  const reader = new SliceReader(files)
  const slicesOf = ({ region, expert }: PageAt): Slice[] | undefined => {
    const found = regions[region]
    if (found === undefined || expert >= found.experts) return undefined
    return found.slices.map((slice) => ({ ...slice, offset: slice.offset + expert * slice.bytes }))
  }
  const holdings = everyPage(regions.reduce((sum, { experts }) => sum + experts, 0))
  return {
    manifest,
    pageBytes: (page) => slicesOf(page)?.reduce((sum, { bytes }) => sum + bytes, 0),
    read: (page, range) => reader.read(slicesOf(page) ?? [], range),
    holdings: () => holdings,
  }
}

function everyPage(count: number): Uint8Array {
  const bits = emptyBits(count)
  for (let index = 0; index < count; index++) setBit(bits, index)
  return bits
}

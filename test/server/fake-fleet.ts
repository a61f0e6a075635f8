/**
 * The fleet of the fake engine: a head with one card, and the node `attic`, which loads until the
 * first step. FAKE_FLEET may be
 *
 *   busy    every look finds more work done
 *   count   `epoch` counts the looks, and nothing else tells of them
 *   twins   a third domain is called `attic` too
 *   stuck   the pages of a draining node stay
 */
import { SputnikError } from '../../src/base/errors.js'
import type {
  DomainView,
  ExpertsView,
  FleetAction,
  FleetChange,
  FleetView,
} from '../../src/engine/protocol.js'
import { findNode } from '../../src/fleet/find-node.js'

const PAGE_BYTES = 524_288
const PAGES = 12
/** Pages that leave a draining node with each look. */
const STEP_PAGES = 4
/** 2026-01-01 12:00:00 UTC. */
const BEGAN_MS = 1_767_268_800_000

export type Counts = { readonly steps: number; readonly looks: number }

const NOTHING = {
  replyMs: null,
  hedges: 0,
  late: 0,
  badPages: 0,
  losses: 0,
  keptOutMs: null,
  address: null,
  roundTripMs: null,
  bytesSent: 0,
  bytesReceived: 0,
} as const

export class FakeFleet {
  readonly #kind = process.env.FAKE_FLEET
  readonly #events: FleetChange[] = []
  #attic: 'working' | 'draining' | 'evicted' = 'working'
  #pages = PAGES

  constructor() {
    this.#tell('joined', '10.0.0.7:40000')
    this.#tell('ready')
  }

  view(address: string, { steps, looks }: Counts): FleetView {
    this.#drainSome()
    const calls = this.#kind === 'busy' ? looks : steps
    const names = [
      ...(this.#attic === 'evicted' ? [] : [1]),
      ...(this.#kind === 'twins' ? [2] : []),
    ]
    const moved = PAGES - this.#pages
    return {
      headId: 'aaaaa-bbbbb-ccccc-ddddd',
      address,
      modelHash: 'ab'.repeat(32),
      epoch: this.#kind === 'count' ? looks : 3,
      domains: [
        head(calls, PAGES + moved),
        ...names.map((id) => this.#remote(id, { steps, calls })),
      ],
      replicas: 1,
      pages: 2 * PAGES,
      pageBytes: 2 * PAGES * PAGE_BYTES,
      moving: 2,
      orphans: 1,
      toMove: this.#attic === 'draining' ? this.#pages : 6,
      short: 1,
      events: [...this.#events],
    }
  }

  /** Layer 1 is even but for one expert that nobody holds and nobody called. */
  experts(): ExpertsView {
    const experts = [0, 1, 2, 3, 4, 5, 6, 7]
    return {
      epoch: 3,
      domains: [
        { id: 0, name: 'head' },
        { id: 1, name: 'attic' },
      ],
      layers: [
        {
          layer: 0,
          group: '',
          calls: [100, 10, 30, 50, 0, 70, 140, 0],
          holders: experts.map((expert) => (expert < 4 ? [0] : [0, 1])),
          tiers: experts.map((expert) => (expert < 4 ? 'h' : 'hd')),
        },
        {
          layer: 1,
          group: '',
          calls: [20, 20, 20, 20, 20, 20, 20, 0],
          holders: experts.map((expert) => (expert === 7 ? [] : [1])),
          tiers: experts.map((expert) => (expert === 7 ? '' : expert < 3 ? 'd' : 'h')),
        },
      ],
    }
  }

  /** @throws SputnikError the NODE_ ones */
  change(action: FleetAction, node: string): void {
    const nodes = [
      { nodeId: null, name: 'head', domain: 0 },
      { nodeId: nodeIdOf(1), name: 'attic', domain: 1 },
      ...(this.#kind === 'twins' ? [{ nodeId: nodeIdOf(2), name: 'attic', domain: 2 }] : []),
    ]
    if (findNode(nodes, node).nodeId === null) {
      throw new SputnikError('NODE_OWN', "head is a card of the head's own host")
    }
    if (action === 'pardon' && this.#attic === 'working') {
      throw new SputnikError('NODE_NOT_OUT', 'attic is here')
    }
    this.#attic = ({ drain: 'draining', evict: 'evicted', pardon: 'working' } as const)[action]
    this.#tell(({ drain: 'draining', evict: 'evicted', pardon: 'pardoned' } as const)[action])
  }

  #drainSome(): void {
    if (this.#attic !== 'draining' || this.#pages === 0 || this.#kind === 'stuck') return
    this.#pages -= STEP_PAGES
    if (this.#pages === 0) this.#tell('drained')
  }

  #remote(id: number, { steps, calls }: { steps: number; calls: number }): DomainView {
    const working = steps > 0 ? 'ready' : 'loading'
    const cuda = process.env.FAKE_DEVICE ?? 'cuda0'
    const pageBytes = this.#pages * PAGE_BYTES
    return {
      ...NOTHING,
      id,
      nodeId: nodeIdOf(id),
      name: process.env.FAKE_NAME ?? 'attic',
      state: this.#attic === 'draining' ? 'draining' : working,
      devices: ['cpu', cuda],
      cards: [card('cpu', this.#pages), card(cuda, 0)],
      pages: this.#pages,
      pageBytes,
      tierBytes: { device: pageBytes / 4, host: (3 * pageBytes) / 4, disk: 0 },
      expertCalls: 100 * calls,
      bytesSent: 2048 * calls,
      bytesReceived: 1024 * calls,
      roundTripMs: 0.25,
      replyMs: { p50: 1.5, p99: 12 },
      hedges: 3,
      late: 2,
      badPages: 1,
      fetchedBytes: pageBytes,
      losses: 4,
      address: '10.0.0.7:40000',
    }
  }

  #tell(kind: FleetChange['kind'], text = ''): void {
    const seq = this.#events.length + 1
    // Two heads in a row do nothing at the same time.
    const atMs = BEGAN_MS + 1000 * seq + (process.pid % 1000)
    this.#events.push({ seq, atMs, kind, domain: 1, name: 'attic', text })
  }
}

function head(calls: number, pages: number): DomainView {
  const pageBytes = pages * PAGE_BYTES
  return {
    ...NOTHING,
    id: 0,
    nodeId: null,
    name: 'head',
    state: 'ready',
    devices: ['CPU'],
    cards: [card('CPU', pages)],
    pages,
    pageBytes,
    tierBytes: { device: 0, host: pageBytes, disk: 0 },
    expertCalls: 100 * calls,
  }
}

function card(device: string, pages: number): DomainView['cards'][number] {
  return { device, pages, pageBytes: pages * PAGE_BYTES, memoryBytes: 64 * PAGE_BYTES }
}

function nodeIdOf(id: number): string {
  return `n0de${id}-n0de2-n0de3-n0de4`
}

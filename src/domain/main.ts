/**
 * Entry of a domain process: starts the card of this host, joins the head, serves it until it is
 * gone. Ends with its parent, which starts it again.
 */
import { SputnikError, toPlain } from '../base/errors.js'
import { Fabric } from '../fabric/fabric.js'
import type { FabricEvent, PeerJoined } from '../fabric/fabric-messages.js'
import type { JoinCard } from '../fabric/handshake-messages.js'
import type { Link } from '../fabric/link.js'
import type { ThreadLink } from '../fabric/thread-link.js'
import { mapPages } from '../gguf/pages.js'
import { openGguf } from '../gguf/reader.js'
import { loadLibraries } from '../native/library.js'
import { cardLoad, regionsInUse } from '../pages/card-load.js'
import { manifestOf } from '../pages/manifest-store.js'
import type { DomainLoop } from './domain-loop.js'
import { LocalSupply } from './local-supply.js'
import type { DomainCommand, DomainConfig, DomainEvent } from './protocol.js'
import { lendCards, openDomain } from './serve-head.js'

const BOX_BYTES = 4 << 20
const HEARTBEAT_MS = 1000
const LEASE_MS = 3000
const SPIN_US = 200

/** The head will not change its mind about these. */
const FINAL = new Set([
  'HEAD_MISMATCH',
  'JOIN_KEY_EXPIRED',
  'JOIN_KEY_REQUIRED',
  'JOIN_KEY_UNKNOWN',
  'JOIN_KEY_USED',
  'MODEL_MISMATCH',
  'NODE_EVICTED',
  'PLAIN_REFUSED',
  'PROTOCOL_MISMATCH',
  'FILE_NOT_FOUND',
  'GGUF_INVALID',
  'LIBRARY_MISMATCH',
  'LIBRARY_MISSING',
  'MODEL_DENSE',
  'MODEL_UNSUPPORTED',
  'PLATFORM_UNSUPPORTED',
  'USAGE',
])

const now = (): number => performance.now()
const tell = (event: DomainEvent): void => void process.send?.(event)

process.once('message', ({ config }: DomainCommand) => {
  serve(config).catch(fail)
})
process.once('disconnect', () => process.exit(0))
// Ctrl+C reaches the whole group, but the parent decides when a domain ends.
process.on('SIGINT', () => {})

async function serve(config: DomainConfig): Promise<void> {
  if (config.modelPath === null) {
    throw new SputnikError('USAGE', 'a domain needs its own copy of the model: --model')
  }
  tell({ kind: 'state', state: 'loading', text: `reading ${config.modelPath}` })
  const gguf = openGguf(config.modelPath)
  const manifest = await manifestOf(config.modelPath)
  loadLibraries(config.backend)
  const cards = lendCards(config, now)
  const layers = regionsInUse(mapPages(gguf), gguf)
  const load = cardLoad({ gguf, layers, device: '', threads: 1, pages: [] })
  const domain = openDomain(cards, {
    ...{ load, supply: new LocalSupply(), now },
    isWanted: isWantedBy(process.ppid),
    onProgress: (pages, bytes) => tell({ kind: 'progress', pages, bytes }),
  })
  tell({ kind: 'state', state: 'connecting', text: `joining ${config.host}:${config.port}` })
  connect(config, { domain, cards: cards.lent, modelHash: manifest.model })
}

/** Nothing else tells that the parent is gone while this thread is busy. */
function isWantedBy(parent: number): () => boolean {
  return () => process.ppid === parent
}

type Ready = {
  readonly domain: DomainLoop
  readonly cards: readonly JoinCard[]
  readonly modelHash: string
}

function connect(config: DomainConfig, { domain, cards, modelHash }: Ready): void {
  const { host, port, pin, key, name, plain } = config
  const fabric: Fabric = new Fabric({
    role: {
      role: 'domain',
      identity: { ...config.identity, pin: '' },
      ...{ host, port, pin, key, name, plain, modelHash },
      cards: cards.map(({ device, memoryBytes }) => ({ device, memoryBytes })),
      boxBytes: BOX_BYTES,
      heartbeatMs: HEARTBEAT_MS,
      leaseMs: LEASE_MS,
    },
    spinUs: SPIN_US,
    now,
    onCrash: fail,
    onEvent: (event: FabricEvent) => {
      if (event.kind === 'failed') end(new SputnikError(event.error.code, event.error.message))
      if (event.kind === 'joined') run(domain, { fabric, joined: event })
    },
  })
}

/** Blocks until the head is gone. */
function run(domain: DomainLoop, { fabric, joined }: { fabric: Fabric; joined: PeerJoined }): void {
  tell({ kind: 'state', state: 'ready', text: `part of the fleet of ${joined.nodeId}` })
  domain.serve(polled(fabric.link(joined)))
  end(new SputnikError('PEER_UNREACHABLE', 'the link to the head has ended'))
}

function polled(link: ThreadLink): Link {
  return Object.assign(link, {
    poll: () => link.receive(0) ?? (link.isOpen ? undefined : ('gone' as const)),
    waits: { fd: -1, isWriting: false, doze: () => true, wake: () => {} },
  })
}

function fail(error: unknown): void {
  end(error)
}

function end(error: unknown): void {
  const plain = toPlain(error)
  process.send?.(
    { kind: 'failed', error: plain, isFinal: FINAL.has(plain.code) } satisfies DomainEvent,
    undefined,
    undefined,
    () => process.kill(process.pid, 'SIGKILL'),
  )
}

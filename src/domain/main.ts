/**
 * Entry of a domain process: starts the card of this host, joins the head, serves it until it is
 * gone. Ends with its parent, which starts it again.
 */
import { freemem } from 'node:os'
import { SputnikError, toPlain } from '../base/errors.js'
import { Fabric } from '../fabric/fabric.js'
import type { FabricEvent, PeerJoined } from '../fabric/fabric-messages.js'
import { sharedBytes } from '../fabric/shared-link.js'
import type { ExpertLayer } from '../gguf/pages.js'
import { mapPages } from '../gguf/pages.js'
import { openGguf } from '../gguf/reader.js'
import { loadLibraries } from '../native/library.js'
import { HAS_SHARED_MEMORY } from '../native/shared-memory.js'
import { localSockets } from '../native/sockets.js'
import { cardLoad, regionsInUse } from '../pages/card-load.js'
import { manifestOf } from '../pages/manifest-store.js'
import { Domain } from './domain.js'
import { LocalDomain } from './local-domain.js'
import type { DomainCommand, DomainConfig, DomainEvent } from './protocol.js'

const SHARED_FRAME_BYTES = 16 << 20
const HEARTBEAT_MS = 1000
const LEASE_MS = 3000
const SPIN_US = 200
/** Of the free memory, left for everything else. */
const MEMORY_SHARE = 0.8
const PROGRESS_MS = 250

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
  const layers = regionsInUse(mapPages(gguf), gguf)
  const memoryBytes = config.memoryBytes ?? Math.floor(MEMORY_SHARE * freemem())
  const room = slotsWithin(layers, memoryBytes)
  const card = new LocalDomain({
    id: 0,
    backend: config.backend,
    load: cardLoad({
      gguf,
      layers,
      device: config.device,
      threads: config.threads,
      pages: [],
      slots: (region) => room[region] ?? 0,
    }),
    sockets: localSockets(),
    sharedBytes: HAS_SHARED_MEMORY ? sharedBytes(SHARED_FRAME_BYTES) : 0,
    spinUs: SPIN_US,
    now,
    onProgress: () => {},
  })
  card.start()
  card.awaitLoaded()
  tell({ kind: 'state', state: 'connecting', text: `joining ${config.host}:${config.port}` })
  connect(config, { card, memoryBytes, modelHash: manifest.model })
}

type Ready = {
  readonly card: LocalDomain
  readonly memoryBytes: number
  readonly modelHash: string
}

function connect(config: DomainConfig, { card, memoryBytes, modelHash }: Ready): void {
  const { host, port, pin, key, name, plain } = config
  // Rates of the card are measured by the head, which sees them with the link.
  const cards = [{ device: card.device, memoryBytes, gflops: 0, readBytesPerSecond: 0 }]
  const fabric: Fabric = new Fabric({
    role: {
      role: 'domain',
      identity: { ...config.identity, pin: '' },
      ...{ host, port, pin, key, name, plain, modelHash, cards },
      heartbeatMs: HEARTBEAT_MS,
      leaseMs: LEASE_MS,
    },
    spinUs: SPIN_US,
    now,
    onCrash: fail,
    onEvent: (event: FabricEvent) => {
      if (event.kind === 'failed') end(new SputnikError(event.error.code, event.error.message))
      if (event.kind === 'joined') run(fabric, { card, joined: event })
    },
  })
}

/** Blocks until the head is gone. */
function run(fabric: Fabric, { card, joined }: { card: LocalDomain; joined: PeerJoined }): void {
  tell({ kind: 'state', state: 'ready', text: `part of the fleet of ${joined.nodeId}` })
  const parent = process.ppid
  let toldAt = 0
  const domain = new Domain({
    head: fabric.link(joined),
    card,
    // Nothing else tells that the parent is gone while this thread is busy.
    isWanted: () => process.ppid === parent,
    onProgress: (pages, bytes) => {
      if (now() - toldAt < PROGRESS_MS) return
      toldAt = now()
      tell({ kind: 'progress', pages, bytes })
    },
  })
  domain.run()
  end(new SputnikError('PEER_UNREACHABLE', 'the link to the head has ended'))
}

/** Slots of each region so that all together fit, the same part of every region. */
function slotsWithin(layers: readonly ExpertLayer[], memoryBytes: number): number[] {
  const all = layers.reduce((sum, { experts, pageBytes }) => sum + experts * pageBytes, 0)
  const part = Math.min(1, memoryBytes / Math.max(1, all))
  return layers.map(({ experts }) => Math.floor(part * experts))
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

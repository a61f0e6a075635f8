/**
 * Entry of a domain process: joins the head, starts the card of this host, serves the head until
 * it is gone. Ends with its parent, which starts it again.
 */
import { freemem } from 'node:os'
import { defined } from '../base/assert.js'
import { SputnikError, toPlain } from '../base/errors.js'
import { Fabric } from '../fabric/fabric.js'
import type { FabricEvent, PeerJoined } from '../fabric/fabric-messages.js'
import { sharedBytes } from '../fabric/shared-link.js'
import { loadLibraries } from '../native/library.js'
import { HAS_SHARED_MEMORY } from '../native/shared-memory.js'
import { localSockets } from '../native/sockets.js'
import { loadOfManifest } from '../pages/card-load.js'
import type { ManifestRegion } from '../pages/manifest.js'
import { knownManifest } from '../pages/manifest-store.js'
import { Domain } from './domain.js'
import { LocalDomain } from './local-domain.js'
import type { DomainCommand, DomainConfig, DomainEvent } from './protocol.js'
import { openSupply } from './supply-link.js'
import { SupplyMaps } from './supply-maps.js'
import type { SupplyOpened } from './supply-messages.js'
import { describe, identityOf, supplySetup } from './supply-setup.js'

const BOX_BYTES = 4 << 20
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
  'CACHE_UNWRITABLE',
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
  const { host, port, pin, key, name, plain, device } = config
  const known = config.modelPath === null ? undefined : await knownManifest(config.modelPath)
  const memoryBytes = config.memoryBytes ?? Math.floor(MEMORY_SHARE * freemem())
  // Rates of the card are measured by the head, which sees them with the link.
  const cards = [{ device, memoryBytes, gflops: 0, readBytesPerSecond: 0 }]
  tell({ kind: 'state', state: 'connecting', text: `joining ${host}:${port}` })
  const fabric: Fabric = new Fabric({
    role: {
      role: 'domain',
      identity: identityOf(config),
      ...{ host, port, pin, key, name, plain, modelHash: known?.model ?? null, cards },
      boxBytes: BOX_BYTES,
      heartbeatMs: HEARTBEAT_MS,
      leaseMs: LEASE_MS,
    },
    spinUs: SPIN_US,
    now,
    onCrash: fail,
    onEvent: (event: FabricEvent) => {
      if (event.kind === 'failed') end(new SputnikError(event.error.code, event.error.message))
      if (event.kind === 'joined') run({ config, fabric, memoryBytes, joined: event }).catch(fail)
    },
  })
  // While the thread connects.
  loadLibraries(config.backend)
}

type Joined = {
  readonly config: DomainConfig
  readonly fabric: Fabric
  readonly memoryBytes: number
  readonly joined: PeerJoined
}

/** Learns the model and starts the card, then blocks until the head is gone. */
async function run({ config, fabric, memoryBytes, joined }: Joined): Promise<void> {
  const { headId, modelHash } = defined(joined.welcome, 'a welcome')
  tell({ kind: 'state', state: 'loading', text: `part of the fleet of ${headId}` })
  const { supply, ...model } = await openSupply(supplySetup(config, modelHash), now)
  const card = startCard(config, { ...model, memoryBytes })
  tell({ kind: 'state', state: 'ready', text: describe(model) })
  const parent = process.ppid
  let toldAt = 0
  const domain = new Domain({
    head: fabric.link(joined),
    card,
    maps: new SupplyMaps(supply),
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

function startCard(
  { backend, device, threads }: DomainConfig,
  { manifest, regionsInUse, copy, memoryBytes }: SupplyOpened & { memoryBytes: number },
): LocalDomain {
  const room = slotsWithin(manifest.regions.slice(0, regionsInUse), memoryBytes)
  const slots = (region: number): number => room[region] ?? 0
  const card = new LocalDomain({
    id: 0,
    backend,
    load: loadOfManifest(manifest, { regionsInUse, device, threads, slots, copy }),
    sockets: localSockets(),
    sharedBytes: HAS_SHARED_MEMORY ? sharedBytes(SHARED_FRAME_BYTES) : 0,
    spinUs: SPIN_US,
    now,
    onProgress: () => {},
  })
  card.start()
  card.awaitLoaded()
  return card
}

/** Slots of each region so that all together fit, the same part of every region. */
function slotsWithin(regions: readonly ManifestRegion[], memoryBytes: number): number[] {
  const all = regions.reduce((sum, { experts, pageBytes }) => sum + experts * pageBytes, 0)
  const part = Math.min(1, memoryBytes / Math.max(1, all))
  return regions.map(({ experts }) => Math.floor(part * experts))
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

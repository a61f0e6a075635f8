/**
 * Entry of a domain process: finds out what cards this host has, joins the head, learns the model
 * from it, serves it until it is gone. Ends with its parent, which starts it again.
 */
import { defined } from '../base/assert.js'
import { fromPlain, SputnikError, toPlain } from '../base/errors.js'
import { Fabric } from '../fabric/fabric.js'
import type { FabricEvent, PeerJoined } from '../fabric/fabric-messages.js'
import { loadLibraries } from '../native/library.js'
import { loadOfManifest } from '../pages/card-load.js'
import { knownManifest } from '../pages/manifest-store.js'
import type { DomainCommand, DomainConfig, DomainEvent } from './protocol.js'
import { type LentCards, lendCards, openDomain } from './serve-head.js'
import { openSupply } from './supply-link.js'
import { describe, identityOf, supplySetup } from './supply-setup.js'

const HEARTBEAT_MS = 1000
const LEASE_MS = 3000
const SPIN_US = 200
/** So long after its link has ended, the fabric thread has told why. */
const ENDED_MS = 2000

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
  serve(config).catch(end)
})
process.once('disconnect', () => process.exit(0))
// Ctrl+C reaches the whole group, but the parent decides when a domain ends.
process.on('SIGINT', () => {})

async function serve(config: DomainConfig): Promise<void> {
  const { host, port, pin, key, name, plain, modelPath } = config
  const known = modelPath === null ? undefined : await knownManifest(modelPath)
  loadLibraries(config.backend)
  const cards = lendCards(config, now)
  tell({ kind: 'state', state: 'connecting', text: `joining ${host}:${port}` })
  const fabric: Fabric = new Fabric({
    role: {
      role: 'domain',
      identity: identityOf(config),
      ...{ host, port, pin, key, name, plain, modelHash: known?.model ?? null },
      cards: cards.lent.map(({ device, memoryBytes }) => ({ device, memoryBytes })),
      heartbeatMs: HEARTBEAT_MS,
      leaseMs: LEASE_MS,
    },
    spinUs: SPIN_US,
    now,
    onCrash: end,
    onEvent: (event: FabricEvent) => {
      if (event.kind === 'failed') end(fromPlain(event.error))
      // The head's own reason, when it gave one.
      if (event.kind === 'ended') end(event.error ? fromPlain(event.error) : lost(event.reason))
      if (event.kind === 'joined') run({ config, fabric, cards, joined: event }).catch(end)
    },
  })
}

type Joined = {
  readonly config: DomainConfig
  readonly fabric: Fabric
  readonly cards: LentCards
  readonly joined: PeerJoined
}

/** Learns the model and loads the cards, then blocks until the head is gone. */
async function run({ config, fabric, cards, joined }: Joined): Promise<void> {
  const { headId, modelHash } = defined(joined.welcome, 'a welcome')
  tell({ kind: 'state', state: 'loading', text: `part of the fleet of ${headId}` })
  const { supply, ...model } = await openSupply(supplySetup(config, modelHash), now)
  const domain = openDomain(cards, {
    load: loadOfManifest(model.manifest, model),
    ...{ supply, now },
    isWanted: isWantedBy(process.ppid),
    onProgress: (pages, bytes) => tell({ kind: 'progress', pages, bytes }),
  })
  tell({ kind: 'state', state: 'ready', text: describe(model) })
  domain.serve(fabric.link(joined))
  setTimeout(() => end(lost('it is not wanted any more')), ENDED_MS)
}

function lost(reason: string): SputnikError {
  return new SputnikError('PEER_UNREACHABLE', `the link to the head has ended: ${reason}`)
}

/** Nothing else tells that the parent is gone while this thread is busy. */
function isWantedBy(parent: number): () => boolean {
  return () => process.ppid === parent
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

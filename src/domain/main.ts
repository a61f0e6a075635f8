/**
 * Entry of a domain process: finds out what cards this host has and lends them to each head it is
 * told of. With one head it ends when that is gone, and its parent starts it again; with several it
 * joins the one that is gone again itself.
 */
import { defined } from '../base/assert.js'
import { toPlain } from '../base/errors.js'
import { sum } from '../base/statistics.js'
import { Credits } from '../fabric/credits.js'
import { loadLibraries } from '../native/library.js'
import { localSockets } from '../native/sockets.js'
import { knownManifest } from '../pages/manifest-store.js'
import { DomainLoop } from './domain-loop.js'
import { keepServing } from './keep-serving.js'
import { lendCards, spinUsOf } from './lent-cards.js'
import type { DomainCommand, DomainConfig, DomainEvent } from './protocol.js'
import type { Host } from './serve-head.js'

/** The event loop turns so often, for heads that come and go. */
const TURN_MS = 100

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
  start(config).catch(end)
})
process.once('disconnect', () => process.exit(0))
// Ctrl+C reaches the whole group, but the parent decides when a domain ends.
process.on('SIGINT', () => {})

let isLeaving = false
/** A head has been told of this domain, and is to hear that it goes. */
let isServing = (): boolean => false
process.on('SIGTERM', () => {
  isLeaving = true
  endIfLeft()
})

async function start(config: DomainConfig): Promise<void> {
  const { backend, heads, modelPath } = config
  const known = modelPath === null ? undefined : await knownManifest(modelPath)
  loadLibraries(backend)
  // For all heads before one has put anything on them, so that each gets its part of what is free.
  const cards = heads.map(() => lendCards(config, { now }))
  const host = openHost(config)
  // Which of several heads serves the copy is not known.
  const modelHash = heads.length === 1 ? (known?.model ?? null) : null
  const held = heads.map(() => ({ pages: 0, bytes: 0 }))
  const serving = heads.map((head, at) =>
    keepServing(host, {
      ...{ head, at, cards: defined(cards[at], 'cards'), modelHash, tell, isFinal },
      onProgress: (pages, bytes) => {
        held[at] = { pages, bytes }
        const pagesOfAll = sum(held.map((one) => one.pages))
        const bytesOfAll = sum(held.map((one) => one.bytes))
        tell({ kind: 'progress', pages: pagesOfAll, bytes: bytesOfAll })
      },
    }),
  )
  const [error] = await Promise.all(serving)
  end(error)
}

/** Blocks for most of the time while there are heads, and lets the event loop turn in between. */
function openHost(config: DomainConfig): Host {
  const { yield: yieldCore } = localSockets()
  const loop = new DomainLoop({ now, yield: yieldCore, spinUs: spinUsOf(config) })
  const isWanted = isWantedBy(process.ppid)
  isServing = () => !loop.isEmpty
  let isDriving = false
  const turn = (): void => {
    try {
      loop.run(now() + TURN_MS)
    } catch (error) {
      end(error)
      return
    }
    endIfLeft()
    isDriving = !loop.isEmpty
    if (!isWanted()) process.exit(0)
    if (isDriving) setImmediate(turn)
  }
  const drive = (): void => {
    if (!isDriving) setImmediate(turn)
    isDriving = true
  }
  const credits = new Credits({ isStanding: true, now })
  return { config, loop, drive, credits, now, isLeaving: () => isLeaving }
}

function endIfLeft(): void {
  if (isLeaving && !isServing()) process.exit(0)
}

/** Nothing else tells that the parent is gone while this thread is busy. */
function isWantedBy(parent: number): () => boolean {
  return () => process.ppid === parent
}

function isFinal(error: unknown): boolean {
  return FINAL.has(toPlain(error).code)
}

function end(error: unknown): void {
  process.send?.(
    { kind: 'failed', error: toPlain(error), isFinal: isFinal(error) } satisfies DomainEvent,
    undefined,
    undefined,
    () => process.kill(process.pid, 'SIGKILL'),
  )
}

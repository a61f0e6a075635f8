/**
 * Heads and domains of a star, which have links and neither model nor cards, and what they say: a
 * dispatch that asks for so many bytes, and those.
 */
import { randomBytes } from 'node:crypto'
import type { Credits } from '../src/fabric/credits.js'
import type { DataLink } from '../src/fabric/data-link.js'
import { Fabric } from '../src/fabric/fabric.js'
import { FRAME, frameHeader, HEADER_BYTES, transferOf, writeHeader } from '../src/fabric/frame.js'
import type { Identity } from '../src/fabric/identity.js'
import { JoinKeys } from '../src/fabric/join-keys.js'
import { waitAny } from '../src/fabric/wait-any.js'
import { now } from './support.js'

/** Where a node joins. */
export type Door = {
  readonly host: string
  readonly port: number
  readonly pin: string
  readonly key: { readonly id: string; readonly secret: string }
  readonly isCredited: boolean
}

const MODEL_HASH = 'ab'.repeat(32)
/** A process that has no core for a while must not be taken for a dead one. */
const TIMING = { heartbeatMs: 1000, leaseMs: 30_000 } as const
const KEY_MS = 3_600_000
const ROUND_MS = 20_000
const OPEN_LOOK_MS = 5
const NO_CARD = { device: 'none', memoryBytes: 1, gflops: 0, readBytesPerSecond: 0 }

export type OpenOptions = {
  readonly identity: Identity
  /** As others reach this host. */
  readonly host: string
  /** Two heads do not share their books. */
  readonly stateFolder: string
  /** How many nodes may come in. */
  readonly nodes: number
  readonly isCredited: boolean
  readonly onDoor: (door: Door) => void
}

export type OpenedHead = {
  readonly isCredited: boolean
  readonly fabric: Fabric
  readonly links: readonly DataLink[]
}

/** A head that lets nodes in. */
export function openHead(options: OpenOptions): OpenedHead {
  const { identity, stateFolder, host, isCredited, onDoor } = options
  const keys = new JoinKeys(stateFolder, { now: () => Date.now() })
  const terms = { ttlMs: KEY_MS, uses: options.nodes, random: randomBytes }
  const { id, secret } = keys.create({ pin: identity.pin, ...terms })
  const links: DataLink[] = []
  const at = { host: '0.0.0.0', port: 0, plain: false }
  const pageBytesPerSecond = Number.POSITIVE_INFINITY
  const fabric: Fabric = new Fabric({
    role: { role: 'head', identity, ...at, stateFolder, pageBytesPerSecond, ...TIMING },
    spinUs: 0,
    isCredited,
    now,
    onCrash: () => process.exit(1),
    onEvent: (event) => {
      if (event.kind === 'joined') links.push(fabric.link(event))
      if (event.kind === 'ended') fail(event.reason)
      if (event.kind === 'failed') fail(event.error.message)
      if (event.kind !== 'listening') return
      onDoor({ host, port: event.port, pin: identity.pin, key: { id, secret }, isCredited })
    },
  })
  // Nodes may join a head that has a model; nobody asks for its pages here.
  const nothing = { manifest: new Uint8Array(), regionsInUse: 0, files: [], regions: [] }
  fabric.serve({ modelHash: MODEL_HASH, ...nothing })
  return { isCredited, fabric, links }
}

export type JoinOptions = {
  readonly identity: Identity
  readonly door: Door
  /** Its own if not given. */
  readonly credits: Credits | undefined
  readonly onLink: (link: DataLink) => void
}

/** A domain that joins the head behind a door. */
export function joinHead({ identity, door, credits, onLink }: JoinOptions): void {
  const { isCredited, ...at } = door
  const about = { name: 'node', modelHash: MODEL_HASH, cards: [NO_CARD] }
  const fabric: Fabric = new Fabric({
    role: { role: 'domain', identity, ...at, plain: false, ...about, ...TIMING },
    spinUs: 0,
    isCredited,
    ...(credits && { credits }),
    now,
    onCrash: () => process.exit(1),
    onEvent: (event) => {
      if (event.kind === 'joined') onLink(fabric.link(event))
      if (event.kind === 'ended') fail(event.reason)
      if (event.kind === 'failed') fail(event.error.message)
    },
  })
}

export function fail(reason: string): never {
  process.stderr.write(`a process of the star: ${reason}\n`)
  process.exit(1)
}

export type Asked = {
  readonly step: number
  /** Of the dispatch and of its answer, headers included. */
  readonly bytes: number
  readonly replyBytes: number
}

/** Calls back once every head has links to so many nodes, and they are open. */
export function whenOpen(heads: readonly OpenedHead[], nodes: number, act: () => void): void {
  const looking = setInterval(() => {
    const links = heads.flatMap((head) => head.links)
    for (const link of links) link.poll()
    if (links.length < heads.length * nodes || links.some(({ isReady }) => !isReady)) return
    clearInterval(looking)
    act()
  }, OPEN_LOOK_MS)
}

/**
 * As a step does it: credit for all replies first, then the dispatches, then the replies. Returns
 * how long that took, in milliseconds.
 */
export function runRound(head: OpenedHead, asked: Asked): number {
  const { isCredited, fabric, links } = head
  const transfer = transferOf(asked.step, 0)
  const started = now()
  if (isCredited) {
    const replies = links.map(({ peer }) => ({ peer, transfer, bytes: asked.replyBytes }))
    fabric.credits.request(replies, started)
  }
  for (const link of links) dispatch(link, asked)
  for (let left = links.length; left > 0; ) {
    const came = links.filter((link) => takeReply(link, asked)).length
    left -= came
    if (now() - started > ROUND_MS) throw new Error(`${left} replies are missing`)
    if (came === 0 && left > 0) waitAny(links, ROUND_MS)
  }
  return now() - started
}

function takeReply(link: DataLink, { replyBytes }: Asked): boolean {
  const frame = link.poll()
  if (frame === 'gone') throw new Error('a node is gone')
  if (frame === undefined) return false
  if (frame.bytes !== replyBytes) throw new Error('another reply than asked for')
  return true
}

function dispatch(link: DataLink, { step, bytes, replyBytes }: Asked): void {
  const frame = link.frame(bytes)
  const payloadBytes = bytes - HEADER_BYTES
  writeHeader(frame.view, frameHeader(FRAME.dispatch, { payloadBytes, step, tokens: 1 }))
  frame.view.setUint32(HEADER_BYTES, replyBytes, true)
  link.send(frame, bytes)
}

/** Answers the next dispatch, if one is here. */
export function answer(link: DataLink): boolean {
  const asked = link.poll()
  if (asked === undefined || asked === 'gone') return false
  const { view } = asked.buffer
  const bytes = view.getUint32(HEADER_BYTES, true)
  const frame = link.frame(bytes)
  const payloadBytes = bytes - HEADER_BYTES
  const step = view.getUint32(8, true)
  writeHeader(frame.view, frameHeader(FRAME.combine, { payloadBytes, step }))
  link.send(frame, bytes)
  return true
}

/**
 * The head of `incast`: lets nodes in through two doors, with credits and without, and asks all of
 * them at once for replies, round by round. Arguments: state folder, number of nodes.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { DataLink } from '../src/fabric/data-link.js'
import { Fabric } from '../src/fabric/fabric.js'
import type { FabricEvent } from '../src/fabric/fabric-messages.js'
import { FRAME, HEADER_BYTES, transferOf, writeHeader } from '../src/fabric/frame.js'
import { loadIdentity } from '../src/fabric/identity.js'
import { JoinKeys } from '../src/fabric/join-keys.js'
import { waitAny } from '../src/fabric/wait-any.js'
import {
  type Door,
  type FromChild,
  INCAST_TIMING,
  MODEL_HASH,
  type Rounds,
  type ToHead,
} from './incast-shared.js'
import { now } from './support.js'

const DISPATCH_BYTES = 512
const ROUND_MS = 20_000
const OPEN_LOOK_MS = 5

const [folder = '', count = '0'] = process.argv.slice(2)
const nodes = Number(count)
const identity = loadIdentity(folder)
const tell = (message: FromChild): void => void process.send?.(message)

type Side = { readonly fabric: Fabric; readonly links: DataLink[]; door: Door | undefined }

const sides = [true, false].map(open)
let step = 0

process.on('message', (message: ToHead) => tell(measure(message)))
process.on('disconnect', () => process.exit())

function open(isCredited: boolean): Side {
  const options = { pin: identity.pin, ttlMs: 3_600_000, uses: nodes, random: randomBytes }
  // Two heads do not share their books.
  const stateFolder = join(folder, isCredited ? 'credits' : 'free')
  const keys = new JoinKeys(stateFolder, { now: () => Date.now() })
  const { id, secret } = keys.create(options)
  const side: Side = {
    links: [],
    door: undefined,
    fabric: new Fabric({
      role: {
        role: 'head',
        identity,
        host: '0.0.0.0',
        port: 0,
        plain: false,
        stateFolder,
        pageBytesPerSecond: Number.POSITIVE_INFINITY,
        ...INCAST_TIMING,
      },
      spinUs: 0,
      isCredited,
      now,
      onCrash: () => process.exit(1),
      onEvent: (event: FabricEvent) => {
        if (event.kind === 'joined') side.links.push(side.fabric.link(event))
        if (event.kind === 'ended') fail(event.reason)
        if (event.kind === 'failed') fail(event.error.message)
        if (event.kind !== 'listening') return
        side.door = { port: event.port, pin: identity.pin, key: { id, secret }, isCredited }
        const doors = sides.flatMap(({ door }) => (door === undefined ? [] : [door]))
        if (doors.length === sides.length) tell({ kind: 'doors', doors })
      },
    }),
  }
  // Nodes may join a head that has a model; nobody asks for its pages here.
  const nothing = { manifest: new Uint8Array(), regionsInUse: 0, files: [], regions: [] }
  side.fabric.serve({ modelHash: MODEL_HASH, ...nothing })
  return side
}

function fail(reason: string): never {
  process.stderr.write(`the head of incast: ${reason}\n`)
  process.exit(1)
}

const looking = setInterval(() => {
  const links = sides.flatMap((side) => side.links)
  for (const link of links) link.poll()
  if (links.length < sides.length * nodes || links.some(({ isReady }) => !isReady)) return
  clearInterval(looking)
  tell({ kind: 'opened' })
}, OPEN_LOOK_MS)

function measure(rounds: Rounds): FromChild {
  const side = sides[rounds.isCredited ? 0 : 1]
  if (side === undefined) throw new Error('no links')
  const ms: number[] = []
  for (let round = 0; round < rounds.rounds; round++) ms.push(runRound(side, rounds))
  const { bytesPerSecond, balance } = side.fabric.credits
  return { kind: 'done', ms, bytesPerSecond, window: balance.window }
}

/** As a step does it: credit for all replies first, then the dispatches, then the replies. */
function runRound({ fabric, links }: Side, { replyBytes, isCredited }: Rounds): number {
  const transfer = transferOf(++step, 0)
  const started = now()
  if (isCredited) {
    const replies = links.map(({ peer }) => ({ peer, transfer, bytes: replyBytes }))
    fabric.credits.request(replies, started)
  }
  for (const link of links) dispatch(link, replyBytes)
  for (let left = links.length; left > 0; ) {
    let isBusy = false
    for (const link of links) {
      const frame = link.poll()
      if (frame === 'gone') throw new Error('a node is gone')
      if (frame === undefined) continue
      if (frame.bytes !== replyBytes) throw new Error('another reply than asked for')
      isBusy = true
      left--
    }
    if (now() - started > ROUND_MS) throw new Error(`${left} replies are missing`)
    if (!isBusy && left > 0) waitAny(links, ROUND_MS)
  }
  return now() - started
}

function dispatch(link: DataLink, replyBytes: number): void {
  const frame = link.frame(DISPATCH_BYTES)
  const rest = { encoding: 0, region: 0, attempt: 0, tokens: 1, computeUs: 0 }
  const payloadBytes = DISPATCH_BYTES - HEADER_BYTES
  writeHeader(frame.view, { ...rest, kind: FRAME.dispatch, payloadBytes, step })
  frame.view.setUint32(HEADER_BYTES, replyBytes, true)
  link.send(frame, DISPATCH_BYTES)
}

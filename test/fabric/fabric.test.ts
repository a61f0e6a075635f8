/** Two fabrics in one process, each with its thread: a head and a node, over real sockets. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { DataLink } from '../../src/fabric/data-link.js'
import { Fabric } from '../../src/fabric/fabric.js'
import type { FabricEvent, FabricRole, PeerJoined } from '../../src/fabric/fabric-messages.js'
import { FRAME } from '../../src/fabric/frame.js'
import { type Identity, loadIdentity } from '../../src/fabric/identity.js'
import { JoinKeys } from '../../src/fabric/join-keys.js'
import { waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { frameOf, nextFrame, sameBytes } from './frames.js'
import { HOUR_MS, MODEL_HASH, newIdentity } from './nodes.js'

const HOST = '127.0.0.1'
const LEASE_MS = 1000
const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

/** Nobody asks for its pages here. */
const SERVED = {
  modelHash: MODEL_HASH,
  manifest: new Uint8Array(),
  regionsInUse: 0,
  files: [],
  regions: [],
}

type Side = { readonly fabric: Fabric; readonly events: FabricEvent[] }

function start(role: FabricRole): Side {
  const events: FabricEvent[] = []
  const fabric = new Fabric({
    role,
    spinUs: 50,
    now: () => performance.now(),
    onEvent: (event) => events.push(event),
    onCrash: (error) => assert.fail(error),
  })
  cleanUps.push(() => fabric.close())
  return { fabric, events }
}

function find<K extends FabricEvent['kind']>({ events }: Side, kind: K) {
  return events.find((event) => event.kind === kind) as (FabricEvent & { kind: K }) | undefined
}

async function eventOf<K extends FabricEvent['kind']>(side: Side, kind: K) {
  await waitUntil(() => find(side, kind) !== undefined, `no ${kind}`)
  return find(side, kind) as FabricEvent & { kind: K }
}

const timing = { heartbeatMs: 50, leaseMs: LEASE_MS }

async function startHead(plain = false) {
  const stateFolder = scratchDirectory()
  const identity = loadIdentity(stateFolder)
  const common = { identity, host: HOST, port: 0, plain, ...timing }
  const side = start({ role: 'head', stateFolder, pageBytesPerSecond: 1e9, ...common })
  side.fabric.serve(SERVED)
  const { port } = await eventOf(side, 'listening')
  const keys = new JoinKeys(stateFolder, { now: () => Date.now() })
  const key = keys.create({ pin: identity.pin, ttlMs: HOUR_MS, uses: 100, random: randomBytes })
  return { ...side, port, identity, key, plain }
}

type Head = Awaited<ReturnType<typeof startHead>>

function startNode(head: Head, identity: Identity = newIdentity()): Side {
  const { port, plain, key } = head
  return start({
    role: 'domain',
    identity,
    host: HOST,
    port,
    plain,
    pin: head.identity.pin,
    key: { id: key.id, secret: key.secret },
    name: 'laptop',
    modelHash: MODEL_HASH,
    cards: [{ device: 'cpu', memoryBytes: 8e9 }],
    ...timing,
  })
}

/** Both ends of one link, not opened yet. */
async function join(head: Head) {
  const node = startNode(head)
  const before = head.events.filter(({ kind }) => kind === 'joined').length
  const there = await eventOf(node, 'joined')
  const joined = (): PeerJoined[] => head.events.filter((event) => event.kind === 'joined')
  await waitUntil(() => joined().length > before)
  const here = joined()[before] as PeerJoined
  return { node, here, there }
}

async function linked(head: Head) {
  const { node, here, there } = await join(head)
  const [a, b] = [head.fabric.link(here), node.fabric.link(there)] as const
  cleanUps.push(() => {
    a.close()
    b.close()
  })
  return { node, a, b, here }
}

/** Polls both until both are open. */
async function opened(a: DataLink, b: DataLink): Promise<void> {
  await waitUntil(() => {
    for (const link of [a, b]) assert.equal(link.poll(), undefined)
    return a.isReady && b.isReady
  })
}

for (const plain of [false, true]) {
  test(`Fabric joins a head and a node by two connections, plain: ${plain}`, async () => {
    const head = await startHead(plain)
    const { a, b, here, node } = await linked(head)
    await opened(a, b)
    assert.equal(here.join?.name, 'laptop')
    assert.equal(here.nodeId, here.join?.nodeId)
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const bytes of [20, 5000, 300_000]) {
        const frame = frameOf(FRAME.load, { bytes })
        assert.equal(from.send(frame, bytes), true)
        sameBytes(nextFrame(to, [from]), frame)
      }
    }
    await waitUntil(() => a.heartbeats > 1 && b.heartbeats > 1)
    assert.ok((a.roundTripUs ?? 0) > 0 && (a.roundTripUs ?? 0) < 1e6)
    a.close()
    await waitUntil(() => b.poll() === 'gone')
    assert.match((await eventOf(head, 'ended')).reason, /this side has closed it/)
    await eventOf(node, 'ended')
    await turn()
  })
}

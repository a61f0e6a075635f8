/** Two fabrics in one process, each with its thread: a head and a node, over real sockets. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SputnikError } from '../../src/base/errors.js'
import { openDataChannel } from '../../src/fabric/data-channel.js'
import type { DataLink } from '../../src/fabric/data-link.js'
import { Fabric } from '../../src/fabric/fabric.js'
import type { FabricEvent, FabricRole, PeerJoined } from '../../src/fabric/fabric-messages.js'
import { FRAME } from '../../src/fabric/frame.js'
import { joinOver } from '../../src/fabric/handshake-io.js'
import { type Identity, loadIdentity } from '../../src/fabric/identity.js'
import { JoinKeys } from '../../src/fabric/join-keys.js'
import { connectSecure } from '../../src/fabric/secure-socket.js'
import { connectData, holdSocket } from '../../src/fabric/socket-handle.js'
import { localSockets } from '../../src/native/sockets.js'
import { waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { frameOf, nextFrame, sameBytes } from './frames.js'
import { endOf } from './link-pair.js'
import { HOUR_MS, joinOf, MODEL_HASH, newIdentity } from './nodes.js'

const HOST = '127.0.0.1'
const LEASE_MS = 1000
/** A thread that gets no core for a while is no reason to end a link. */
const LONG_MS = 60_000
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

const HEARTBEAT_MS = 50

async function startHead({ plain = false, leaseMs = LONG_MS } = {}) {
  const { side, stateFolder, identity } = beginHead({ plain, leaseMs })
  const { port } = await eventOf(side, 'listening')
  const keys = new JoinKeys(stateFolder, { now: () => Date.now() })
  const key = keys.create({ pin: identity.pin, ttlMs: HOUR_MS, uses: 100, random: randomBytes })
  return { ...side, port, identity, key, plain }
}

function beginHead({ plain = false, port = 0, leaseMs = LONG_MS } = {}) {
  const stateFolder = scratchDirectory()
  const identity = loadIdentity(stateFolder)
  const common = { identity, host: HOST, port, plain, leaseMs, heartbeatMs: HEARTBEAT_MS }
  const side = start({ role: 'head', stateFolder, pageBytesPerSecond: 1e9, ...common })
  side.fabric.serve(SERVED)
  return { side, stateFolder, identity }
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
    heartbeatMs: HEARTBEAT_MS,
    leaseMs: LONG_MS,
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
    const head = await startHead({ plain })
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
  })
}

/** A node that speaks for itself on the control connection, and the ticket it was given. */
async function admitted(head: Head, identity: Identity) {
  const { key, port, plain, identity: headIdentity } = head
  const options = { host: HOST, port, plain, identity, pin: headIdentity.pin, timeoutMs: LONG_MS }
  const connection = await connectSecure(options)
  cleanUps.push(() => connection.socket.destroy())
  const { result } = await joinOver(connection, { join: joinOf(identity, key), timeoutMs: LONG_MS })
  return { ticket: result.ticket, socket: connection.socket }
}

/** A data connection of a stranger, who may know a ticket but has another key. */
async function intrude(head: Head, { ticket, keys }: { ticket: string; keys: Identity }) {
  const socket = await connectData({ host: HOST, port: head.port, ticket, timeoutMs: LONG_MS })
  const sockets = localSockets()
  const fd = sockets.duplicate(holdSocket(socket))
  socket.destroy()
  const peerCertificatePem = head.identity.certificatePem
  const options = { sockets, fd, isHead: false, identity: keys, peerCertificatePem }
  const end = endOf(openDataChannel(options), false)
  cleanUps.push(() => end.link.close())
  return end
}

test('a head whose port is taken says so, and listens as soon as it is free', async () => {
  const other = createServer().listen(0, HOST)
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const { side } = beginHead({ port })
  const { error } = await eventOf(side, 'failed')
  assert.equal(error.code, 'PORT_IN_USE')
  assert.equal(find(side, 'listening'), undefined)
  other.close()
  assert.equal((await eventOf(side, 'listening')).port, port)
})

test('a data connection needs the key of the control connection, whatever its ticket', async () => {
  const head = await startHead()
  const node = newIdentity()
  const { ticket } = await admitted(head, node)
  const thief = await intrude(head, { ticket, keys: newIdentity() })
  const link = head.fabric.link((await eventOf(head, 'joined')) as PeerJoined)
  await waitUntil(() => {
    thief.link.poll()
    return link.poll() === 'gone'
  })
  assert.equal(link.isReady, false)
  assert.match((await eventOf(head, 'ended')).reason, /certificate/)
  await waitUntil(() => thief.link.poll() === 'gone')
})

test('a data connection goes through for its own node', async () => {
  const head = await startHead()
  const keys = newIdentity()
  const { ticket } = await admitted(head, keys)
  const node = await intrude(head, { ticket, keys })
  const link = head.fabric.link((await eventOf(head, 'joined')) as PeerJoined)
  await opened(link, node.link)
  // The ticket was good once.
  const again = await intrude(head, { ticket, keys })
  await waitUntil(() => again.link.poll() === 'gone')
  assert.match((await eventOf(head, 'refused')).error.message, /belongs to no node/)
  assert.equal(link.poll(), undefined)
  link.close()
})

for (const plain of [false, true]) {
  test(`a node that goes away while it joins harms no other, plain: ${plain}`, async () => {
    const head = await startHead({ plain })
    for (let node = 0; node < 10; node++) {
      const { ticket, socket } = await admitted(head, newIdentity())
      socket.destroy()
      const data = await connectData({ host: HOST, port: head.port, ticket, timeoutMs: LONG_MS })
      data.destroy()
    }
    const { a, b } = await linked(head)
    await opened(a, b)
  })
}

test('a head that will not have a node lets both connections go', async () => {
  const head = await startHead()
  const { here, there, node } = await join(head)
  const link = node.fabric.link(there)
  head.fabric.refuse(here, 'the fleet is full')
  assert.match((await eventOf(head, 'ended')).reason, /fleet is full/)
  await waitUntil(() => link.poll() === 'gone')
  await eventOf(node, 'ended')
})

test('a node hears why the head ends its link, even when that was never open', async () => {
  const head = await startHead()
  for (const isOpen of [false, true]) {
    const { node, a, b } = await linked(head)
    if (isOpen) await opened(a, b)
    a.close(new SputnikError('NODE_KEPT_OUT', 'it comes and goes'))
    await waitUntil(() => b.poll() === 'gone')
    const { error, reason } = await eventOf(node, 'ended')
    assert.equal(error?.code, 'NODE_KEPT_OUT')
    assert.match(reason, /it comes and goes/)
  }
})

type Child = { readonly process: ChildProcess; readonly link: DataLink }

/** A node in a process of its own, which answers every frame. */
async function joinedChild(head: Head): Promise<Child> {
  const { port, key } = head
  const join = { port, pin: head.identity.pin, key: { id: key.id, secret: key.secret } }
  const path = fileURLToPath(new URL('fabric-node.js', import.meta.url))
  const child = fork(path, [JSON.stringify(join), scratchDirectory()])
  cleanUps.push(() => child.kill('SIGKILL'))
  const link = head.fabric.link((await eventOf(head, 'joined')) as PeerJoined)
  await waitUntil(() => link.poll() === undefined && link.isReady)
  const frame = frameOf(FRAME.load, { bytes: 1000 })
  link.send(frame, 1000)
  sameBytes(nextFrame(link), frame)
  return { process: child, link }
}

test('the link to a node that is killed ends at once', async () => {
  const head = await startHead()
  const { process: child, link } = await joinedChild(head)
  // Half of a frame is under way.
  const large = frameOf(FRAME.load, { bytes: 50_000_000 })
  link.send(large, large.bytes.length)
  child.kill('SIGKILL')
  // Its lease is as long.
  assert.equal(link.receive(LONG_MS), undefined)
  assert.equal(link.isOpen, false)
  assert.doesNotMatch((await eventOf(head, 'ended')).reason, /lease/)
})

test('the link to a node that is stopped ends with its lease, while nobody reads messages', async () => {
  const head = await startHead({ leaseMs: LEASE_MS })
  const { process: child, link } = await joinedChild(head)
  child.kill('SIGSTOP')
  // No event loop turns here: only shared memory can tell.
  assert.equal(link.receive(LONG_MS), undefined)
  assert.equal(link.isOpen, false)
  assert.match((await eventOf(head, 'ended')).reason, /nothing was heard/)
  child.kill('SIGKILL')
})

/**
 * Entry of the fabric thread: lets peers in and keeps their leases. Its event loop turns while the
 * main thread is inside a step. Of each peer it keeps the control connection, and gives the data
 * connection to the main thread. Loads no native code.
 */
import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { defined } from '../base/assert.js'
import { fromPlain, SputnikError, toPlain } from '../base/errors.js'
import { createAdmission } from './admission.js'
import { DataDoor } from './data-door.js'
import type { FabricCommand, FabricEvent, FabricRole, FabricStart } from './fabric-messages.js'
import type { FrameStream } from './frame-stream.js'
import { admitOver, joinOver } from './handshake-io.js'
import { JoinKeys } from './join-keys.js'
import { NodeRegistry } from './node-registry.js'
import { PageService } from './page-service.js'
import { PeerConnection } from './peer-connection.js'
import { PeerState } from './peer-state.js'
import { type ListenOptions, listenSecure, type SecureListener } from './secure-listener.js'
import { connectSecure, type SecureConnection } from './secure-socket.js'
import { connectData, holdSocket } from './socket-handle.js'

const HANDSHAKE_MS = 10_000
const PENDING_MAX = 64
const LISTEN_AGAIN_MS = 500

const parent = defined(parentPort, 'a main thread')
const { role, events } = workerData as FabricStart
const peers = new Map<number, PeerConnection>()
/** Those that the main thread has not taken yet; it alone decides when they may close. */
const dataSockets = new Map<number, Socket>()
let peerCount = 0
let pages: PageService | undefined

const tell = (event: FabricEvent): void => events.postMessage(event)

parent.on('message', (command: FabricCommand) => {
  if (command.kind === 'model') {
    pages?.serve(command.model)
    return
  }
  dataSockets.get(command.peer)?.destroy()
  dataSockets.delete(command.peer)
  if (command.kind === 'close') close(command)
})
try {
  await (role.role === 'head' ? listen(role) : connect(role))
} catch (error) {
  tell({ kind: 'failed', error: toPlain(error) })
}

function close({ peer, reason, error }: FabricCommand & { kind: 'close' }): void {
  peers.get(peer)?.leave(reason, error === undefined ? undefined : fromPlain(error))
}

async function listen(head: FabricRole & { role: 'head' }): Promise<void> {
  const now = (): number => Date.now()
  const registry = new NodeRegistry(head.stateFolder, { now })
  const admission = createAdmission({ keys: new JoinKeys(head.stateFolder, { now }), registry })
  const { pageBytesPerSecond: bytesPerSecond, leaseMs } = head
  const service = new PageService({ registry, bytesPerSecond, now: () => performance.now() })
  const door = new DataDoor()
  pages = service
  const onRefused = (error: unknown, address: string): void =>
    tell({ kind: 'refused', address, error: toPlain(error) })
  const refuse = ({ socket }: SecureConnection, error: unknown): void => {
    onRefused(error, socket.remoteAddress ?? 'gone')
    socket.destroy()
  }
  const listener = await listenWhenFree({
    host: head.host,
    port: head.port,
    identity: head.identity,
    plain: head.plain,
    handshakeTimeoutMs: HANDSHAKE_MS,
    maxPending: PENDING_MAX,
    onRefused,
    onData: (ticket, socket) => door.arrive(ticket, socket),
    onSocket: async (connection) => {
      const timeoutMs = HANDSHAKE_MS
      const { modelHash } = service
      const about = { headId: head.identity.nodeId, epoch: 0, modelHash, leaseMs }
      const welcome = { ...about, ticket: door.newTicket() }
      const options = { welcome, admission, door: service, timeoutMs }
      const { frames, result } = await admitOver(connection, options)
      const { nodeId } = result
      if ('pages' in result) {
        service.open(connection, { frames, nodeId })
        return
      }
      const { join } = result
      // It has proven itself; strangers must not have to wait for its second connection.
      door
        .expect(welcome.ticket, timeoutMs)
        .then((data) => open({ connection, data, frames, nodeId, said: { join } }))
        .catch((error: unknown) => refuse(connection, error))
    },
  })
  tell({ kind: 'listening', host: listener.host, port: listener.port })
}

/** A port that is taken may be so for a moment only: says so once, and tries again. */
async function listenWhenFree(options: ListenOptions): Promise<SecureListener> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await listenSecure(options)
    } catch (error) {
      const isTaken = error instanceof SputnikError && error.code === 'PORT_IN_USE'
      if (!isTaken) throw error
      if (isFirst) tell({ kind: 'failed', error: toPlain(error) })
      await setTimeout(LISTEN_AGAIN_MS)
    }
  }
}

async function connect(domain: FabricRole & { role: 'domain' }): Promise<void> {
  const { identity, host, port, pin, plain, key, name, modelHash, cards } = domain
  const timeoutMs = HANDSHAKE_MS
  const connection = await connectSecure({ host, port, identity, pin, timeoutMs, plain })
  const { nodeId } = identity
  const join = { nodeId, name, key, modelHash, cards: [...cards] }
  const { result, frames } = await joinOver(connection, { join, timeoutMs })
  // A name may stand for several hosts; this is the one that gave the ticket.
  const address = defined(connection.socket.remoteAddress, 'address of the head')
  const data = await connectData({ host: address, port, ticket: result.ticket, timeoutMs })
  open({ connection, data, frames, nodeId: result.headId, said: { welcome: result } })
}

type Opening = {
  readonly connection: SecureConnection
  readonly data: Socket
  readonly frames: FrameStream
  readonly nodeId: string
  readonly said: Pick<FabricEvent & { kind: 'joined' }, 'join' | 'welcome'>
}

function open({ connection, data, frames, nodeId, said }: Opening): void {
  const { socket, peerCertificatePem } = connection
  if (socket.destroyed || data.destroyed) {
    data.destroy()
    throw new SputnikError('PEER_UNREACHABLE', 'the node went away while it joined')
  }
  const peer = ++peerCount
  const state = new PeerState()
  const address = `${socket.remoteAddress}:${socket.remotePort}`
  const fd = holdSocket(data)
  dataSockets.set(peer, data)
  const joined = { peer, nodeId, address, fd, peerCertificatePem, state: state.memory, ...said }
  tell({ kind: 'joined', ...joined })
  const control = new PeerConnection({
    socket,
    frames,
    state,
    heartbeatMs: role.heartbeatMs,
    leaseMs: role.leaseMs,
    now: () => performance.now(),
    onEnd: (reason, error) => {
      peers.delete(peer)
      tell({ kind: 'ended', peer, reason, ...(error && { error: toPlain(error) }) })
    },
  })
  peers.set(peer, control)
}

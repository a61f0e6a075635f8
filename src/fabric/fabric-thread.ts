/**
 * Entry of the fabric thread: owns the sockets of a head or of a domain. Its event loop turns while
 * the main thread is inside a step, so leases are kept and frames move. Loads no native code.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { defined } from '../base/assert.js'
import { toPlain } from '../base/errors.js'
import { createAdmission } from './admission.js'
import type { FabricCommand, FabricEvent, FabricRole } from './fabric-messages.js'
import type { FrameStream } from './frame-stream.js'
import { admitOver, joinOver } from './handshake-io.js'
import { JoinKeys } from './join-keys.js'
import { NodeRegistry } from './node-registry.js'
import { PageService } from './page-service.js'
import { PeerConnection } from './peer-connection.js'
import { listenSecure } from './secure-listener.js'
import { connectSecure, type SecureConnection } from './secure-socket.js'
import { ThreadBox } from './thread-box.js'

const HANDSHAKE_MS = 10_000
const PENDING_MAX = 64
const STATS_MS = 1000

const parent = defined(parentPort, 'a main thread')
const role = workerData as FabricRole
const peers = new Map<number, PeerConnection>()
let peerCount = 0
let pages: PageService | undefined

const tell = (event: FabricEvent): void => parent.postMessage(event)

parent.on('message', (command: FabricCommand) => {
  if (command.kind === 'model') pages?.serve(command.model)
  else peers.get(command.peer)?.turn()
})
setInterval(() => {
  for (const [peer, { stats }] of peers) tell({ kind: 'stats', peer, stats })
}, STATS_MS)
try {
  await (role.role === 'head' ? listen(role) : connect(role))
} catch (error) {
  tell({ kind: 'failed', error: toPlain(error) })
}

async function listen(head: FabricRole & { role: 'head' }): Promise<void> {
  const now = (): number => Date.now()
  const registry = new NodeRegistry(head.stateFolder, { now })
  const admission = createAdmission({ keys: new JoinKeys(head.stateFolder, { now }), registry })
  const { pageBytesPerSecond: bytesPerSecond, leaseMs } = head
  const service = new PageService({ registry, bytesPerSecond, now: () => performance.now() })
  pages = service
  const listener = await listenSecure({
    host: head.host,
    port: head.port,
    identity: head.identity,
    plain: head.plain,
    handshakeTimeoutMs: HANDSHAKE_MS,
    maxPending: PENDING_MAX,
    onRefused: (error, address) => tell({ kind: 'refused', address, error: toPlain(error) }),
    onSocket: async (connection) => {
      const timeoutMs = HANDSHAKE_MS
      const welcome = {
        headId: head.identity.nodeId,
        epoch: 0,
        modelHash: service.modelHash,
        leaseMs,
      }
      const options = { welcome, admission, door: service, timeoutMs }
      const { frames, result } = await admitOver(connection, options)
      if ('pages' in result) service.open(connection, { frames, nodeId: result.nodeId })
      else open(connection, { frames, nodeId: result.nodeId, said: { join: result.join } })
    },
  })
  tell({ kind: 'listening', host: listener.host, port: listener.port })
}

async function connect(domain: FabricRole & { role: 'domain' }): Promise<void> {
  const { identity, host, port, pin, plain, key, name, modelHash, cards } = domain
  const timeoutMs = HANDSHAKE_MS
  const connection = await connectSecure({ host, port, identity, pin, timeoutMs, plain })
  const { nodeId } = identity
  const join = { nodeId, name, key, modelHash, cards: [...cards] }
  const { result, frames } = await joinOver(connection, { join, timeoutMs })
  open(connection, { frames, nodeId: result.headId, said: { welcome: result } })
}

type Opening = {
  readonly frames: FrameStream
  readonly nodeId: string
  readonly said: Pick<FabricEvent & { kind: 'joined' }, 'join' | 'welcome'>
}

function open({ socket }: SecureConnection, { frames, nodeId, said }: Opening): void {
  const peer = ++peerCount
  const inbox = ThreadBox.ofBytes(role.boxBytes)
  const outbox = ThreadBox.ofBytes(role.boxBytes)
  const address = `${socket.remoteAddress}:${socket.remotePort}`
  const boxes = { toThread: inbox.memory, toMain: outbox.memory }
  tell({ kind: 'joined', peer, nodeId, address, boxes, ...said })
  const connection = new PeerConnection({
    socket,
    frames,
    inbox,
    outbox,
    heartbeatMs: role.heartbeatMs,
    leaseMs: role.leaseMs,
    now: () => performance.now(),
    onEnd: (reason) => {
      peers.delete(peer)
      tell({ kind: 'ended', peer, reason })
    },
  })
  peers.set(peer, connection)
}

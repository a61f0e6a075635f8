import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { after, test } from 'node:test'
import type { ErrorCode, SputnikError } from '../../src/base/errors.js'
import { FRAME_BYTES_MAX, frameHeader, PROTOCOL_VERSION } from '../../src/fabric/frame.js'
import { encodeFrame, encodeHeader } from '../../src/fabric/frame-stream.js'
import type { Admitted } from '../../src/fabric/handshake.js'
import { admitOver, joinOver, type Shaken } from '../../src/fabric/handshake-io.js'
import { encodeMessage, MESSAGE_KIND } from '../../src/fabric/message.js'
import type { PagesAdmitted } from '../../src/fabric/page-handshake.js'
import { listenSecure } from '../../src/fabric/secure-listener.js'
import { connectSecure } from '../../src/fabric/secure-socket.js'
import { waitUntil } from '../support/processes.js'
import {
  closed,
  type JoinFields,
  joinOf,
  newHead,
  newIdentity,
  OTHER_HASH,
  type TestHead,
} from './nodes.js'

const HOST = '127.0.0.1'
const LONG_MS = 30_000
const SHORT_MS = 200
const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

type Ended = { readonly code?: ErrorCode; readonly shaken?: Shaken<Admitted | PagesAdmitted> }

/** A head that admits over real TLS; `ended` holds how each handshake went. */
async function listen(timeoutMs = LONG_MS, head: TestHead = newHead()) {
  const ended: Ended[] = []
  const sockets: Socket[] = []
  const listener = await listenSecure({
    host: HOST,
    port: 0,
    identity: head.identity,
    handshakeTimeoutMs: LONG_MS,
    maxPending: 8,
    onSocket: async (connection) => {
      sockets.push(connection.socket)
      const { welcome, admission } = head
      const door = { serves: null, check: () => {} }
      await admitOver(connection, { welcome, admission, door, timeoutMs }).then(
        (shaken) => ended.push({ shaken }),
        (error: SputnikError) => ended.push({ code: error.code }),
      )
    },
  })
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy()
    return listener.close()
  })
  return { head, listener, port: listener.port, ended, sockets }
}

async function connect(head: TestHead, port: number, identity = newIdentity()) {
  const { pin } = head.identity
  const options = { host: HOST, port, identity, pin, timeoutMs: LONG_MS }
  const connection = await connectSecure(options)
  cleanUps.push(() => connection.socket.destroy())
  return { connection, identity }
}

const joinMessage = (join: JoinFields, protocol = PROTOCOL_VERSION) =>
  encodeMessage(MESSAGE_KIND.handshake, { type: 'join', protocol, ...join })

test('joinOver and admitOver agree, and a node comes back without its key', async () => {
  const { head, port, ended, listener } = await listen()
  const { connection, identity } = await connect(head, port)
  const join = joinOf(identity, head.createKey())
  const { result } = await joinOver(connection, { join, timeoutMs: LONG_MS })
  assert.equal(result.headId, connection.peerId)
  assert.equal(result.epoch, head.welcome.epoch)
  await waitUntil(() => ended.length === 1 && listener.pending === 0)
  assert.equal(ended[0]?.shaken?.result.nodeId, identity.nodeId)
  const again = await connect(head, port, identity)
  await joinOver(again.connection, { join: joinOf(identity, null), timeoutMs: LONG_MS })
})

const refusals: Record<string, [ErrorCode, (head: TestHead, join: JoinFields) => JoinFields]> = {
  'a wrong key': [
    'JOIN_KEY_UNKNOWN',
    (_, join) => ({ ...join, key: { id: '0000zzzz', secret: '0'.repeat(36) } }),
  ],
  'an old key': [
    'JOIN_KEY_EXPIRED',
    (head, join) => {
      head.clock.ms += 1e9
      return join
    },
  ],
  'a second use': [
    'JOIN_KEY_USED',
    (head, join) => {
      if (join.key !== null) head.keys.redeem(join.key, 'another')
      return join
    },
  ],
  'an unknown node': ['JOIN_KEY_REQUIRED', (_, join) => ({ ...join, key: null })],
  'another model': ['MODEL_MISMATCH', (_, join) => ({ ...join, modelHash: OTHER_HASH })],
  'an evicted node': [
    'NODE_EVICTED',
    (head, join) => {
      head.registry.admit(join)
      head.registry.evict(join.nodeId)
      return { ...join, key: null }
    },
  ],
}

for (const [what, [code, change]] of Object.entries(refusals)) {
  test(`both ends name ${what} as ${code} and close`, async () => {
    const { head, port, ended, sockets, listener } = await listen()
    const { connection, identity } = await connect(head, port)
    const join = change(head, joinOf(identity, head.createKey()))
    await assert.rejects(joinOver(connection, { join, timeoutMs: LONG_MS }), { code })
    await waitUntil(() => ended.length === 1)
    assert.equal(ended[0]?.code, code)
    await waitUntil(() => connection.socket.destroyed && sockets[0]?.destroyed === true)
    await waitUntil(() => listener.pending === 0)
  })
}

for (const protocol of [0, PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1]) {
  test(`admitOver tells a node of protocol ${protocol - PROTOCOL_VERSION} why it is refused`, async () => {
    const { head, port, ended } = await listen()
    const { connection, identity } = await connect(head, port)
    connection.socket.write(joinMessage(joinOf(identity, head.createKey()), protocol))
    const [chunk] = await once(connection.socket, 'data')
    assert.match(String(chunk), /"refused".*"PROTOCOL_MISMATCH"/)
    await waitUntil(() => ended[0]?.code === 'PROTOCOL_MISMATCH')
  })
}

const nonsense: Record<string, Uint8Array> = {
  'a frame that is too long': encodeHeader(frameHeader(32, { payloadBytes: 16_385 })),
  'a frame of another kind': encodeFrame(frameHeader(7, { payloadBytes: 2 }), Buffer.from('{}')),
  'no JSON': encodeFrame(frameHeader(32, { payloadBytes: 2 }), Buffer.from('{x')),
  'another message': encodeMessage(MESSAGE_KIND.handshake, { type: 'welcome' }),
}

for (const [what, bytes] of Object.entries(nonsense)) {
  test(`admitOver refuses ${what}`, async () => {
    const { head, port, ended } = await listen()
    const { connection } = await connect(head, port)
    connection.socket.write(bytes)
    await waitUntil(() => ended[0]?.code === 'FRAME_INVALID')
    await closed(connection.socket)
  })
}

test('admitOver cuts a handshake that trickles, however long it goes on', async () => {
  const { head, port, ended, listener } = await listen(SHORT_MS)
  const { connection, identity } = await connect(head, port)
  const bytes = joinMessage(joinOf(identity, head.createKey()))
  let at = 0
  const trickle = setInterval(() => {
    if (at < bytes.length - 1) connection.socket.write(bytes.subarray(at, ++at))
  }, 20)
  await closed(connection.socket)
  clearInterval(trickle)
  assert.ok(at > 1)
  assert.equal(ended[0]?.code, 'LINK_TIMEOUT')
  await waitUntil(() => listener.pending === 0)
})

test('admitOver closes a node that never says who it is', async () => {
  const { head, port, ended } = await listen(SHORT_MS)
  const { connection } = await connect(head, port)
  await closed(connection.socket)
  assert.equal(ended[0]?.code, 'LINK_TIMEOUT')
})

test('admitOver notices a node that leaves in the middle', async () => {
  const { head, port, ended, sockets } = await listen()
  const { connection } = await connect(head, port)
  await waitUntil(() => sockets.length === 1)
  connection.socket.destroy()
  await waitUntil(() => ended[0]?.code === 'PEER_UNREACHABLE')
})

/** A head that takes any node and then does `act`. */
async function listenRaw(act: (socket: Socket) => void) {
  const head = newHead()
  const listener = await listenSecure({
    host: HOST,
    port: 0,
    identity: head.identity,
    handshakeTimeoutMs: LONG_MS,
    maxPending: 8,
    onSocket: ({ socket }) => {
      cleanUps.push(() => socket.destroy())
      socket.once('data', () => act(socket))
    },
  })
  cleanUps.push(() => listener.close())
  const { connection, identity } = await connect(head, listener.port)
  const join = joinOf(identity, null)
  return {
    head,
    connection,
    join: (timeoutMs = LONG_MS) => joinOver(connection, { join, timeoutMs }),
  }
}

test('joinOver gives up on a head that does not answer or hangs up', async () => {
  const silent = await listenRaw(() => {})
  await assert.rejects(silent.join(SHORT_MS), { code: 'LINK_TIMEOUT' })
  await waitUntil(() => silent.connection.socket.destroyed)
  const rude = await listenRaw((socket) => socket.destroy())
  await assert.rejects(rude.join(), { code: 'PEER_UNREACHABLE' })
})

test('joinOver keeps the frames that came with the welcome, of any size', async () => {
  const payload = new Uint8Array(3_000_000).fill(5)
  const large = encodeFrame(frameHeader(2, { payloadBytes: payload.length }), payload)
  assert.ok(payload.length < FRAME_BYTES_MAX)
  const raw = await listenRaw((socket) => {
    const welcome = { type: 'welcome', protocol: PROTOCOL_VERSION, ...newHead().welcome }
    socket.write(Buffer.concat([encodeMessage(MESSAGE_KIND.handshake, welcome), large]))
  })
  const { frames } = await raw.join()
  const { socket } = raw.connection
  frames.allow(FRAME_BYTES_MAX)
  assert.equal(socket.isPaused(), true)
  let frame = frames.next()
  socket.on('data', (chunk) => {
    for (const each of frames.push(chunk)) frame = each
  })
  socket.resume()
  await waitUntil(() => frame !== undefined)
  assert.equal(Buffer.compare(frame?.bytes ?? Buffer.of(), large), 0)
})

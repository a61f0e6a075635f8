import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { defined } from '../../src/base/assert.js'
import type { SputnikError } from '../../src/base/errors.js'
import { type ListenOptions, listenSecure } from '../../src/fabric/secure-listener.js'
import { connectSecure, type SecureConnection } from '../../src/fabric/secure-socket.js'
import { waitUntil } from '../support/processes.js'
import { closed, foreignKeys, newIdentity } from './nodes.js'

const HOST = '127.0.0.1'
const LONG_MS = 30_000
const SHORT_MS = 150
const head = newIdentity()
const node = newIdentity()
const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

/** A listener that keeps what it accepts and what it refuses. */
async function listen(changes: Partial<ListenOptions> = {}) {
  const accepted: SecureConnection[] = []
  const received: Buffer[] = []
  const refused: string[] = []
  const listener = await listenSecure({
    host: HOST,
    port: 0,
    identity: head,
    handshakeTimeoutMs: LONG_MS,
    maxPending: 8,
    onSocket: (connection) => {
      accepted.push(connection)
      connection.socket.on('data', (chunk: Buffer) => received.push(chunk))
    },
    onRefused: (error: SputnikError) => refused.push(error.message),
    ...changes,
  })
  cleanUps.push(() => {
    for (const { socket } of accepted) socket.destroy()
    return listener.close()
  })
  return { listener, port: listener.port, accepted, received, refused }
}

async function connect(port: number, changes: Partial<Parameters<typeof connectSecure>[0]> = {}) {
  const options = { host: HOST, port, identity: node, pin: head.pin, timeoutMs: LONG_MS }
  const connection = await connectSecure({ ...options, ...changes })
  cleanUps.push(() => connection.socket.destroy())
  return connection
}

/** A stranger with plain TLS; resolves when the other end is done with it. */
async function knock(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ host: HOST, port, rejectUnauthorized: false, ...options })
  socket.on('error', () => {})
  await closed(socket)
  return socket
}

async function openTcp(port: number): Promise<Socket> {
  const socket = connectTcp({ host: HOST, port })
  socket.on('error', () => {})
  await once(socket, 'connect')
  cleanUps.push(() => socket.destroy())
  return socket
}

async function listenTcp(onSocket: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer(onSocket).listen(0, HOST)
  await once(server, 'listening')
  cleanUps.push(() => server.close())
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

test('connectSecure and listenSecure know each other by their keys', async () => {
  const { port, accepted, listener, received } = await listen()
  const { socket, peerId } = await connect(port)
  assert.equal(peerId, head.nodeId)
  await waitUntil(() => accepted.length === 1 && listener.pending === 0)
  assert.equal(accepted[0]?.peerId, node.nodeId)
  assert.equal((socket as TLSSocket).getProtocol(), 'TLSv1.3')
  socket.write('over')
  await waitUntil(() => Buffer.concat(received).toString() === 'over')
  const back = once(socket, 'data')
  accepted[0]?.socket.write('and back')
  assert.equal(String((await back)[0]), 'and back')
})

test('connectSecure sends nothing to a head with another key', async () => {
  const { port, accepted, received, refused } = await listen()
  await assert.rejects(connect(port, { pin: newIdentity().pin }), { code: 'HEAD_MISMATCH' })
  await waitUntil(() => refused.length === 1 || accepted[0]?.socket.closed === true)
  assert.deepEqual(received, [])
})

test('connectSecure gives up on a peer that never answers', async () => {
  let closed = false
  const port = await listenTcp((socket) => {
    socket.resume().on('close', () => {
      closed = true
    })
  })
  await assert.rejects(connect(port, { timeoutMs: SHORT_MS }), { code: 'LINK_TIMEOUT' })
  await waitUntil(() => closed)
})

test('connectSecure tells what it met instead of a head', async () => {
  const web = await listenTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await assert.rejects(connect(web), { code: 'PEER_REFUSED' })
  const hangUp = await listenTcp((socket) => socket.destroy())
  await assert.rejects(connect(hangUp), { code: 'PEER_UNREACHABLE' })
  const { listener, port } = await listen()
  await listener.close()
  await assert.rejects(connect(port), { code: 'PEER_UNREACHABLE' })
})

test('plain links are for loopback only', async () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com', '127.0.0.1.example.com', '']) {
    await assert.rejects(listen({ host, plain: true }), { code: 'PLAIN_REFUSED' }, host)
    await assert.rejects(connect(1, { host, plain: true }), { code: 'PLAIN_REFUSED' }, host)
  }
})

test('plain links work on loopback and prove nothing', async () => {
  for (const host of ['localhost', '127.0.0.2', '::1']) {
    const { listener, port, accepted, received } = await listen({ host, plain: true })
    const { socket, peerId } = await connect(port, { host: listener.host, plain: true })
    assert.equal(peerId, null)
    socket.write('x')
    await waitUntil(() => Buffer.concat(received).toString() === 'x')
    assert.equal(accepted[0]?.peerId, null)
  }
})

test('listenSecure does not talk plain text when it was not asked to', async () => {
  const { port, accepted, refused } = await listen()
  const socket = await openTcp(port)
  socket.write('hello?\n'.repeat(10))
  await closed(socket)
  await waitUntil(() => refused.length === 1)
  assert.deepEqual(accepted, [])
})

test('listenSecure refuses who proves no key of a node', async () => {
  const { port, accepted, refused } = await listen()
  const own = { key: node.keyPem, cert: node.certificatePem }
  await knock(port, {})
  await knock(port, await foreignKeys())
  await knock(port, { ...own, maxVersion: 'TLSv1.2' })
  await waitUntil(() => refused.length === 3)
  assert.match(refused[0] ?? '', /no certificate/)
  assert.deepEqual(accepted, [])
})

test('listenSecure refuses a session that is resumed', async () => {
  const { port, accepted, refused } = await listen()
  const own = { key: node.keyPem, cert: node.certificatePem }
  const first = connectTls({ host: HOST, port, rejectUnauthorized: false, ...own })
  cleanUps.push(() => first.destroy())
  const [session] = await once(first, 'session')
  const second = connectTls({ host: HOST, port, rejectUnauthorized: false, ...own, session })
  cleanUps.push(() => second.destroy())
  second.on('error', () => {})
  await waitUntil(() => accepted.length + refused.length === 2)
  assert.match(refused[0] ?? '', /resumed/)
})

test('listenSecure closes half-open connections and those that trickle', async () => {
  const { port, accepted, listener } = await listen({ handshakeTimeoutMs: SHORT_MS })
  const silent = await openTcp(port)
  const slow = await openTcp(port)
  // The start of a TLS record that never ends, byte by byte.
  const trickle = setInterval(() => slow.write(Buffer.of(0x16)), 10)
  slow.write(Buffer.of(0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3))
  await Promise.all([closed(silent), closed(slow)])
  clearInterval(trickle)
  await waitUntil(() => listener.pending === 0)
  assert.deepEqual(accepted, [])
})

test('listenSecure bounds the connections that have not proven themselves', async () => {
  const { port, listener, refused } = await listen({ maxPending: 2 })
  const waiting = [await openTcp(port), await openTcp(port)]
  await waitUntil(() => listener.pending === 2)
  await assert.rejects(connect(port), { name: 'SputnikError' })
  assert.match(refused[0] ?? '', /too many/)
  for (const socket of waiting) socket.destroy()
  await waitUntil(() => listener.pending === 0)
  await connect(port)
})

test('listenSecure counts a connection as pending until its handler is done', async () => {
  let finish = (): void => {}
  const handled = new Promise<void>((resolve) => {
    finish = resolve
  })
  const { port, listener } = await listen({ onSocket: () => handled })
  await connect(port)
  await waitUntil(() => listener.pending === 1)
  finish()
  await waitUntil(() => listener.pending === 0)
})

test('listenSecure drops a connection whose handler fails', async () => {
  const failing = () => {
    throw new Error('handler')
  }
  const { port, refused } = await listen({ onSocket: failing })
  const { socket } = await connect(port)
  await closed(socket)
  assert.match(refused[0] ?? '', /handler/)
})

test('listenSecure tells when its port is taken', async () => {
  const { port } = await listen()
  await assert.rejects(listen({ port }), { code: 'PORT_IN_USE' })
})

test('listenSecure.close ends those who wait and leaves the others', async () => {
  const { listener, port, accepted } = await listen()
  await connect(port)
  await waitUntil(() => accepted.length === 1 && listener.pending === 0)
  const waiting = await openTcp(port)
  await waitUntil(() => listener.pending === 1)
  const closing = listener.close()
  await closed(waiting)
  assert.equal(defined(accepted[0], 'connection').socket.destroyed, false)
  accepted[0]?.socket.destroy()
  await closing
})

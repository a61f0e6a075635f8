import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectTls, createServer as createTls, type TLSSocket } from 'node:tls'
import { defined } from '../../src/base/assert.js'
import type { Identity } from '../../src/fabric/identity.js'
import { TLS_OPTIONS } from '../../src/fabric/secure-socket.js'
import { allocateNative } from '../../src/native/memory.js'
import { localSockets } from '../../src/native/sockets.js'
import { TlsChannel } from '../../src/native/tls-channel.js'
import { foreignKeys, newIdentity } from '../fabric/nodes.js'
import { waitUntil } from '../support/processes.js'

const sockets = localSockets()
const head = newIdentity()
const node = newIdentity()
const stranger = newIdentity()
const cleanUps: (() => unknown)[] = []
after(() => {
  for (const cleanUp of cleanUps.reverse()) cleanUp()
})

type Keys = Pick<Identity, 'keyPem' | 'certificatePem'>

type Ends = { readonly peer: Keys; readonly isServer: boolean; readonly recordsPerKey?: number }

function channel(fd: number, own: Keys, { peer, ...rest }: Ends): TlsChannel {
  return new TlsChannel(sockets, fd, {
    ...rest,
    keyPem: own.keyPem,
    certificatePem: own.certificatePem,
    peerCertificatePem: peer.certificatePem,
    sigalgs: TLS_OPTIONS.sigalgs,
  })
}

function pair(changes: { showsHead?: Keys; showsNode?: Keys } = {}): [TlsChannel, TlsChannel] {
  const [a, b] = sockets.pair()
  return [
    channel(a, changes.showsHead ?? head, { peer: node, isServer: true }),
    channel(b, changes.showsNode ?? node, { peer: head, isServer: false }),
  ]
}

/** Both ends take turns until both are open. */
function openBoth([a, b]: [TlsChannel, TlsChannel]): void {
  for (let turns = 0; turns < 20; turns++) {
    const isOpen = a.open()
    if (b.open() && isOpen) return
  }
  assert.fail('the handshake does not end')
}

const memory = allocateNative(1 << 20)

function write(to: TlsChannel, text: string): number {
  const bytes = new TextEncoder().encode(text)
  memory.bytes.set(bytes)
  return to.write(memory.address, bytes.length)
}

function read(from: TlsChannel): string | number {
  const count = from.read(memory.address, memory.bytes.length)
  return count > 0 ? new TextDecoder().decode(memory.bytes.slice(0, count)) : count
}

test('TlsChannel carries bytes both ways once each end has proven its key', () => {
  const ends = pair()
  openBoth(ends)
  const [a, b] = ends
  assert.equal(read(a), 0)
  assert.equal(write(a, 'over'), 4)
  assert.equal(read(b), 'over')
  assert.equal(read(b), 0)
  assert.equal(write(b, 'and back'), 8)
  assert.equal(read(a), 'and back')
  assert.deepEqual(Buffer.from(a.peerCertificate()), der(node))
  assert.deepEqual(Buffer.from(b.peerCertificate()), der(head))
  a.close()
  assert.equal(read(b), -1)
  // Nobody reads any more: no signal may end this process.
  while (write(b, 'x'.repeat(1000)) > 0);
  b.close()
})

test('TlsChannel changes its keys after so many records', () => {
  const [c, d] = sockets.pair()
  const a = channel(c, head, { peer: node, isServer: true, recordsPerKey: 3 })
  const b = channel(d, node, { peer: head, isServer: false })
  openBoth([a, b])
  for (let i = 0; i < 20; i++) {
    assert.equal(write(a, `over ${i}`), `over ${i}`.length)
    assert.equal(read(b), `over ${i}`)
    write(b, `back ${i}`)
    assert.equal(read(a), `back ${i}`)
  }
  for (const end of [a, b]) end.close()
})

function der({ certificatePem }: Keys): Buffer {
  const base64 = certificatePem.replace(/-----[^-]+-----|\n/g, '')
  return Buffer.from(base64, 'base64')
}

test('TlsChannel refuses every key but the one it expects, at either end', () => {
  for (const changes of [{ showsHead: stranger }, { showsNode: stranger }]) {
    const ends = pair(changes)
    assert.throws(() => openBoth(ends), { code: 'PEER_REFUSED' })
    for (const end of ends) end.close()
  }
})

test('TlsChannel refuses a certificate whose key the other end does not have', () => {
  const [a, b] = sockets.pair()
  const liar = { keyPem: stranger.keyPem, certificatePem: node.certificatePem }
  assert.throws(() => channel(a, liar, { peer: head, isServer: false }), { code: 'NATIVE_FAILED' })
  for (const fd of [a, b]) sockets.close(fd)
})

test('TlsChannel refuses keys of another kind', async () => {
  const { key, cert } = await foreignKeys()
  const foreign = { keyPem: key, certificatePem: cert }
  const [a, b] = sockets.pair()
  const ends: [TlsChannel, TlsChannel] = [
    channel(a, head, { peer: foreign, isServer: true }),
    channel(b, foreign, { peer: head, isServer: false }),
  ]
  assert.throws(() => openBoth(ends), { code: 'PEER_REFUSED' })
  for (const end of ends) end.close()
})

test('TlsChannel says that there is no room, and goes on with the same bytes', () => {
  const ends = pair()
  openBoth(ends)
  const [a, b] = ends
  const sent = allocateNative(8 << 20)
  for (let i = 0; i < sent.i32.length; i++) sent.i32[i] = i * 2654435761
  let written = 0
  let got = 0
  let isBlocked = false
  while (got < sent.bytes.length) {
    const left = sent.bytes.length - written
    const count = left > 0 ? a.write(sent.address + BigInt(written), left) : 0
    assert.ok(count >= 0)
    written += count
    isBlocked ||= count === 0
    if (count > 0 && written < sent.bytes.length) continue
    const taken = b.read(memory.address, memory.bytes.length)
    assert.ok(taken >= 0)
    const wanted = sent.bytes.subarray(got, got + taken)
    assert.ok(Buffer.from(memory.bytes.subarray(0, taken)).equals(wanted))
    got += taken
  }
  assert.ok(isBlocked)
  for (const end of ends) end.close()
})

test('TlsChannel ends at a record that was changed on the way', async () => {
  const [a, b] = sockets.pair()
  const [c, d] = sockets.pair()
  const left = channel(a, head, { peer: node, isServer: true })
  const right = channel(d, node, { peer: head, isServer: false })
  const pass = (from: number, to: number, spoil = false): void => {
    const count = sockets.receive(from, memory.address, memory.bytes.length)
    if (count <= 0) return
    if (spoil) memory.bytes[count - 1] = (memory.bytes[count - 1] ?? 0) ^ 1
    sockets.send(to, memory.address, count)
  }
  for (let turns = 0, isOpen = false; !isOpen; turns++) {
    assert.ok(turns < 50)
    pass(b, c)
    pass(c, b)
    isOpen = [left.open(), right.open()].every(Boolean)
  }
  write(left, 'true')
  pass(b, c)
  assert.equal(read(right), 'true')
  write(left, 'false')
  pass(b, c, true)
  assert.equal(read(right), -1)
  assert.match(right.reason, /bad record mac/)
  // Its own errors are no errors of others in this thread.
  await assert.doesNotReject(nodeHandshake())
  left.close()
  right.close()
  for (const fd of [b, c]) sockets.close(fd)
})

/** A handshake of Node's own TLS. */
async function nodeHandshake(): Promise<void> {
  const server = createTls({ key: head.keyPem, cert: head.certificatePem }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = defined(server.address(), 'address') as { port: number }
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.destroy()
  server.close()
}

/** A connection of Node to a server that begins to listen, closed again, and its duplicate. */
async function duplicateOf(server: Server): Promise<{ raw: Socket; fd: number }> {
  await once(server, 'listening')
  const { port } = defined(server.address(), 'address') as { port: number }
  const raw = connect({ port, host: '127.0.0.1' }).pause()
  await once(raw, 'connect')
  const fd = sockets.duplicate((raw as Socket & { _handle: { fd: number } })._handle.fd)
  raw.destroy()
  return { raw, fd }
}

test('TlsChannel talks to the TLS of Node', async () => {
  const server = createTls({
    ...TLS_OPTIONS,
    key: head.keyPem,
    cert: head.certificatePem,
    requestCert: true,
  }).listen(0, '127.0.0.1')
  cleanUps.push(() => server.close())
  const { fd } = await duplicateOf(server)
  const ours = channel(fd, node, { peer: head, isServer: false })
  const accepted = once(server, 'secureConnection')
  while (!ours.open()) await turn()
  const [theirs] = (await accepted) as [TLSSocket]
  assert.equal(theirs.getPeerX509Certificate()?.raw.equals(der(node)), true)
  theirs.write('from Node')
  let text: string | number = 0
  await waitUntil(() => {
    text = read(ours)
    return text !== 0
  })
  assert.equal(text, 'from Node')
  const back = once(theirs, 'data')
  write(ours, 'to Node')
  assert.equal(String((await back)[0]), 'to Node')
  // A farewell, not a cut line.
  const end = once(theirs.resume(), 'end')
  ours.close()
  await end
  theirs.destroy()
})

test('a descriptor that was duplicated outlives the first one', async () => {
  const server = createServer((socket) => socket.end('still there')).listen(0, '127.0.0.1')
  cleanUps.push(() => server.close())
  const { raw, fd } = await duplicateOf(server)
  await once(raw, 'close')
  assert.ok(sockets.wait(fd, 10_000))
  const count = sockets.receive(fd, memory.address, memory.bytes.length)
  assert.equal(new TextDecoder().decode(memory.bytes.slice(0, count)), 'still there')
  sockets.close(fd)
})

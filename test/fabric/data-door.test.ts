/** Data connections at the port of a head: how they begin, and who is brought to whom. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { DataDoor } from '../../src/fabric/data-door.js'
import { preambleOf } from '../../src/fabric/preamble.js'
import { listenSecure, type SecureListener } from '../../src/fabric/secure-listener.js'
import { connectData } from '../../src/fabric/socket-handle.js'
import { waitUntil } from '../support/processes.js'
import { closed, newIdentity } from './nodes.js'

const HOST = '127.0.0.1'
const LONG_MS = 20_000
const SHORT_MS = 150
const TICKET = '0123456789abcdef'.repeat(2)
const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

type Door = {
  readonly door: DataDoor
  readonly listener: SecureListener
  readonly refused: string[]
}

async function openDoor({ timeoutMs = LONG_MS, plain = false } = {}): Promise<Door> {
  const door = new DataDoor()
  const refused: string[] = []
  const listener = await listenSecure({
    host: HOST,
    port: 0,
    identity: newIdentity(),
    plain,
    handshakeTimeoutMs: timeoutMs,
    maxPending: 4,
    onSocket: ({ socket }) => void socket.destroy(),
    onData: (ticket, socket) => door.arrive(ticket, socket),
    onRefused: (error) => refused.push(error.message),
  })
  cleanUps.push(() => listener.close())
  return { door, listener, refused }
}

async function open({ listener }: Door): Promise<Socket> {
  const socket = connectTcp({ host: HOST, port: listener.port, noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  cleanUps.push(() => socket.destroy())
  return socket
}

for (const plain of [true, false]) {
  test(`a data connection is brought to who expects its ticket, plain: ${plain}`, async () => {
    const door = await openDoor({ plain })
    const expected = door.door.expect(TICKET, LONG_MS)
    const { port } = door.listener
    const ours = await connectData({ host: HOST, port, ticket: TICKET, timeoutMs: LONG_MS })
    cleanUps.push(() => ours.destroy())
    const theirs = await expected
    cleanUps.push(() => theirs.destroy())
    assert.equal(theirs.remotePort, ours.localPort)
    assert.equal(door.listener.pending, 0)
    theirs.write('there')
    // Nothing was read ahead at either end.
    assert.equal(ours.readableLength, 0)
    assert.equal(theirs.readableLength, 0)
  })
}

test('a ticket is good once, and only while somebody expects it', async () => {
  const door = await openDoor()
  const late = door.door.expect('a'.repeat(32), 20)
  await assert.rejects(late, { code: 'LINK_TIMEOUT' })
  const used = door.door.expect(TICKET, LONG_MS)
  const first = await open(door)
  first.write(preambleOf(TICKET))
  cleanUps.push(async () => (await used).destroy())
  await used
  for (const ticket of ['a'.repeat(32), TICKET, door.door.newTicket()]) {
    const socket = await open(door)
    socket.write(preambleOf(ticket))
    await closed(socket)
  }
  await waitUntil(() => door.refused.length === 3)
  for (const reason of door.refused) assert.match(reason, /belongs to no node/)
})

test('a preamble may come byte by byte, but not without end', async () => {
  const door = await openDoor({ timeoutMs: SHORT_MS })
  const expected = door.door.expect(TICKET, LONG_MS)
  const socket = await open(door)
  for (const byte of preambleOf(TICKET)) socket.write(Buffer.of(byte))
  cleanUps.push(async () => (await expected).destroy())
  await expected
  const slow = await open(door)
  slow.write(preambleOf(TICKET).subarray(0, 20))
  await closed(slow)
  await waitUntil(() => door.refused.length === 1 && door.listener.pending === 0)
  assert.match(door.refused[0] ?? '', /did not say in time/)
})

test('a data connection that does not wait for its turn is dropped', async () => {
  const door = await openDoor()
  door.door.expect(TICKET, SHORT_MS).catch(() => {})
  const socket = await open(door)
  socket.write(Buffer.concat([preambleOf(TICKET), Buffer.of(1)]))
  await closed(socket)
  await waitUntil(() => door.refused.length === 1)
  assert.match(door.refused[0] ?? '', /did not wait/)
})

test('what begins almost as a data connection is none', async () => {
  const door = await openDoor()
  const socket = await open(door)
  const preamble = Buffer.from(preambleOf(TICKET))
  preamble[14] = 0
  socket.write(preamble.subarray(0, 10))
  socket.write(preamble.subarray(10))
  await closed(socket)
  await waitUntil(() => door.refused.length === 1)
  assert.match(door.refused[0] ?? '', /a connection failed/)
})

test('connectData tells when nobody is there', async () => {
  const door = await openDoor()
  const { port } = door.listener
  await door.listener.close()
  const options = { host: HOST, port, ticket: TICKET, timeoutMs: LONG_MS }
  await assert.rejects(connectData(options), { code: 'PEER_UNREACHABLE' })
})

/** The end that wants pages, against other ends that misbehave, over real TLS. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, test } from 'node:test'
import { frameHeader } from '../../src/fabric/frame.js'
import { encodeFrame, type Frame } from '../../src/fabric/frame-stream.js'
import { servePagesOver } from '../../src/fabric/handshake-io.js'
import { PageClient } from '../../src/fabric/page-client.js'
import {
  encodePeers,
  encodeRefusal,
  PAGE_FRAME,
  REQUESTS_MAX,
} from '../../src/fabric/page-messages.js'
import { listenSecure } from '../../src/fabric/secure-listener.js'
import { waitUntil } from '../support/processes.js'
import { MODEL_HASH, newIdentity } from './nodes.js'

const LONG_MS = 60_000
const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

const page = { region: 0, expert: 0 }
const range = { offset: 0, length: 4 }
const door = {
  serves: { modelHash: MODEL_HASH, manifestBytes: 0, regionsInUse: 0 },
  check: () => {},
}

const answer = (frame: Frame, bytes: Uint8Array): Uint8Array =>
  encodeFrame(
    frameHeader(PAGE_FRAME.bytes, { payloadBytes: bytes.length, step: frame.header.step }),
    bytes,
  )

/** A client whose requests are answered by `respond`. */
async function client(respond: (frame: Frame, socket: Socket) => void, stallMs = LONG_MS) {
  const identity = newIdentity()
  const listener = await listenSecure({
    host: '127.0.0.1',
    port: 0,
    identity,
    handshakeTimeoutMs: LONG_MS,
    maxPending: 4,
    onSocket: async (connection) => {
      const { socket } = connection
      cleanUps.push(() => socket.destroy())
      const { frames } = await servePagesOver(connection, { door, timeoutMs: LONG_MS })
      frames.allow(4096)
      socket.on('data', (chunk: Uint8Array) => {
        for (const frame of frames.push(chunk)) respond(frame, socket)
      })
      socket.resume()
    },
  })
  cleanUps.push(() => listener.close())
  const state = { ended: '' }
  const made = await PageClient.open({
    ...{ host: '127.0.0.1', port: listener.port, pin: identity.pin, identity: newIdentity() },
    ...{ modelHash: MODEL_HASH, timeoutMs: LONG_MS, stallMs },
    onEnd: (reason) => {
      state.ended = reason
    },
  })
  cleanUps.push(() => made.end('the test is over'))
  return { made, state }
}

test('PageClient gives each request its answer, in whatever order they come', async () => {
  const asked: Frame[] = []
  const { made } = await client((frame, socket) => {
    asked.push(frame)
    if (asked.length < 3) return
    const [first, second, third] = asked
    if (!first || !second || !third) return
    socket.write(encodeRefusal(second.header.step, 'not\u0007 here'))
    socket.write(answer(third, encodePeers([])))
    socket.write(answer(first, Uint8Array.of(1, 2, 3, 4)))
  })
  const first = made.page(page, range)
  const second = assert.rejects(made.page(page, range), {
    code: 'SOURCE_FAILED',
    message: 'not  here',
  })
  assert.deepEqual(await made.peers(), [])
  assert.deepEqual([...(await first)], [1, 2, 3, 4])
  await second
  assert.equal(made.load, 0)
})

test('PageClient keeps requests back that the other end would not bear', async () => {
  let waiting = 0
  let most = 0
  const held: (() => void)[] = []
  const { made } = await client((frame, socket) => {
    most = Math.max(most, ++waiting)
    held.push(() => {
      waiting--
      socket.write(answer(frame, new Uint8Array(4)))
    })
  })
  const all = Array.from({ length: 200 }, () => made.page(page, range))
  let done = 0
  for (const one of all) void one.then(() => done++)
  await waitUntil(() => {
    for (const act of held.splice(0)) act()
    return done === all.length
  })
  assert.ok(most > 1 && most < REQUESTS_MAX, String(most))
})

const wrongs: Record<string, (frame: Frame, socket: Socket) => void> = {
  'what was not asked': (frame, socket) => {
    const header = { ...frame.header, step: frame.header.step + 1 }
    socket.write(answer({ ...frame, header }, new Uint8Array(4)))
  },
  'a frame of another kind': ({ header }, socket) => {
    const { step } = header
    socket.write(encodeFrame(frameHeader(7, { payloadBytes: 2, step }), new Uint8Array(2)))
  },
  'more than any answer has': (frame, socket) =>
    socket.write(answer(frame, new Uint8Array(2 ** 21))),
  'nothing, and hangs up': (_, socket) => socket.destroy(),
}

for (const [what, respond] of Object.entries(wrongs)) {
  test(`PageClient ends with an end that answers ${what}`, async () => {
    const { made, state } = await client(respond)
    await assert.rejects(made.page(page, range), { code: 'PEER_UNREACHABLE' })
    await assert.rejects(made.page(page, range), { code: 'PEER_UNREACHABLE' })
    assert.notEqual(state.ended, '')
    assert.equal(made.isOpen, false)
  })
}

test('PageClient fails a request whose answer has another length, and goes on', async () => {
  let count = 0
  const { made } = await client((frame, socket) => {
    socket.write(answer(frame, new Uint8Array(count++ === 0 ? 3 : 4)))
  })
  await assert.rejects(made.page(page, range), { code: 'SOURCE_FAILED' })
  assert.equal((await made.page(page, range)).length, 4)
})

test('PageClient gives up on an end that owes answers and says nothing', async () => {
  const { made, state } = await client(() => {}, 300)
  await assert.rejects(made.page(page, range), { code: 'PEER_UNREACHABLE', message: /no more/ })
  assert.match(state.ended, /answers no more/)
})

import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { FrameStream } from '../../src/fabric/frame-stream.js'
import { PeerConnection } from '../../src/fabric/peer-connection.js'
import { PeerState } from '../../src/fabric/peer-state.js'
import { waitUntil } from '../support/processes.js'

const HEARTBEAT_MS = 100
const LEASE_MS = 300

/** A peer that never says anything; the clock goes on by so much from one heartbeat to the next. */
function silentPeer(stepMs: number) {
  let clockMs = 0
  const beats: number[] = []
  const ends: { atMs: number; reason: string }[] = []
  const socket = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      beats.push(clockMs)
      clockMs += stepMs
      done()
    },
  })
  const connection = new PeerConnection({
    socket,
    frames: new FrameStream({ payloadBytesMax: 0 }),
    state: new PeerState(),
    heartbeatMs: HEARTBEAT_MS,
    leaseMs: LEASE_MS,
    now: () => clockMs,
    onEnd: (reason) => ends.push({ atMs: clockMs, reason }),
  })
  return { connection, beats, ends }
}

test('PeerConnection ends when nothing was heard for a lease', async () => {
  const { ends } = silentPeer(HEARTBEAT_MS)
  await waitUntil(() => ends.length > 0)
  assert.deepEqual(ends, [{ atMs: 500, reason: 'nothing was heard for 300 ms' }])
})

test('PeerConnection does not count the time in which its own thread stood still', async () => {
  const { connection, beats, ends } = silentPeer(10 * LEASE_MS)
  await waitUntil(() => beats.length >= 3)
  assert.deepEqual(ends, [])
  connection.end('the test is over')
})

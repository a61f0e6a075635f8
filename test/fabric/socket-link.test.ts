import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FRAME, frameHeader, HEADER_BYTES, writeHeader } from '../../src/fabric/frame.js'
import { SocketLink } from '../../src/fabric/socket-link.js'
import { allocateNative, type NativeBuffer } from '../../src/native/memory.js'
import { localSockets } from '../../src/native/sockets.js'

const PEER = fileURLToPath(new URL('peer.js', import.meta.url))
const LONG_MS = 30_000

/** A link to a process that does `mode`; both end with `run`. */
function withPeer(
  mode: string,
  run: (link: SocketLink, peer: ChildProcess) => void,
  sendTimeoutMs = LONG_MS,
): void {
  const sockets = localSockets()
  const [ours, theirs] = sockets.pair()
  const peer = spawn(process.execPath, [PEER, mode], {
    stdio: ['ignore', 'inherit', 'inherit', theirs],
  })
  sockets.close(theirs)
  const now = () => performance.now()
  const link = new SocketLink({ sockets, socket: ours, spinUs: 50, sendTimeoutMs, now })
  try {
    run(link, peer)
  } finally {
    link.close()
    peer.kill('SIGKILL')
  }
}

function frameOf(bytes: number): NativeBuffer {
  const frame = allocateNative(bytes)
  writeHeader(frame.view, frameHeader(FRAME.dispatch, { payloadBytes: bytes - HEADER_BYTES }))
  const noise = randomBytes(Math.min(4096, bytes - HEADER_BYTES))
  for (let at = HEADER_BYTES; at < bytes; at += noise.length) {
    frame.bytes.set(noise.subarray(0, Math.min(noise.length, bytes - at)), at)
  }
  return frame
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test('SocketLink carries frames of any length there and back', () => {
  // Around the first buffer, its growth, the socket's buffer, and lengths that are no whole words.
  const lengths = [20, 21, 65_535, 65_536, 65_537, 65_539, 100_001, 4 << 20, (64 << 20) + 3, 22]
  withPeer('echo', (link) => {
    let total = 0
    for (const length of lengths) {
      const frame = frameOf(length)
      assert.equal(link.send(frame, length), true)
      const back = link.receive(LONG_MS)
      assert.equal(back?.bytes, length)
      assert.equal(digest(back.buffer.bytes.subarray(0, length)), digest(frame.bytes))
      total += length
      assert.equal(link.bytesSent, total)
      assert.equal(link.bytesReceived, total)
    }
  })
})

test('SocketLink receives nothing from a peer that dies inside a frame', () => {
  withPeer('dieInside', (link) => {
    assert.equal(link.receive(LONG_MS), undefined)
    assert.equal(link.bytesReceived, 0)
    assert.equal(link.send(frameOf(20), 20), false)
    assert.equal(link.bytesSent, 0)
  })
})

for (const mode of ['silent', 'stall']) {
  test(`SocketLink gives up on a peer at the deadline: ${mode}`, () => {
    withPeer(mode, (link) => {
      assert.equal(link.receive(50), undefined)
      assert.equal(link.receive(0), undefined)
    })
  })
}

test('SocketLink gives up sending to a peer that takes nothing', () => {
  const takesNothing = (link: SocketLink) => {
    const bytes = 32 << 20
    assert.equal(link.send(frameOf(bytes), bytes), false)
    assert.equal(link.bytesSent, 0)
  }
  withPeer('silent', takesNothing, 50)
})

test('SocketLink refuses a frame that is announced too long, before it takes memory', () => {
  withPeer('announce', (link) => {
    const before = process.memoryUsage.rss()
    assert.throws(() => link.receive(LONG_MS), { code: 'FRAME_INVALID' })
    assert.ok(process.memoryUsage.rss() - before < 256 << 20)
  })
})

test('SocketLink goes on sending when signals interrupt it', () => {
  const ignore = () => {}
  process.on('SIGUSR2', ignore)
  withPeer('interrupt', (link) => {
    const frame = frameOf(32 << 20)
    assert.equal(link.send(frame, frame.bytes.length), true)
    const back = link.receive(LONG_MS)
    assert.equal(
      digest(back?.buffer.bytes.subarray(0, back.bytes) ?? Buffer.of()),
      digest(frame.bytes),
    )
  })
  process.off('SIGUSR2', ignore)
})

test('SocketLink does nothing once it is closed', () => {
  withPeer('echo', (link) => {
    link.close()
    link.close()
    assert.equal(link.send(frameOf(20), 20), false)
    assert.equal(link.receive(LONG_MS), undefined)
  })
})

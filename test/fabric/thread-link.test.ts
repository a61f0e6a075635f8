import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Prng } from '../../src/base/prng.js'
import { HEADER_BYTES } from '../../src/fabric/frame.js'
import { ThreadBox } from '../../src/fabric/thread-box.js'
import { ThreadLink } from '../../src/fabric/thread-link.js'
import { allocateNative, type NativeBuffer } from '../../src/native/memory.js'

const BOX_BYTES = 4096
const LONG_MS = 10_000
const workers: Worker[] = []

after(() => Promise.all(workers.map((worker) => worker.terminate())))

async function open(): Promise<ThreadLink> {
  const outbox = ThreadBox.ofBytes(BOX_BYTES)
  const inbox = ThreadBox.ofBytes(BOX_BYTES)
  const path = fileURLToPath(new URL('./thread-echo.js', import.meta.url))
  const workerData = { toThread: outbox.memory, toMain: inbox.memory }
  const worker = new Worker(path, { workerData })
  workers.push(worker)
  await once(worker, 'message')
  return new ThreadLink({
    outbox,
    inbox,
    wake: () => worker.postMessage(null),
    sendTimeoutMs: LONG_MS,
    spinUs: 50,
    now: () => performance.now(),
    onClose: () => {},
  })
}

function frameOf(bytes: number, { times = 1, seed = 1 } = {}): NativeBuffer {
  const frame = allocateNative(bytes)
  const prng = Prng.fromSeed(seed)
  for (let i = 0; i < bytes; i++) frame.bytes[i] = Math.floor(prng.nextFloat() * 256)
  frame.bytes[HEADER_BYTES] = times
  return frame
}

function assertEcho(link: ThreadLink, frame: NativeBuffer): void {
  const received = link.receive(LONG_MS)
  assert.ok(received)
  assert.equal(received.bytes, frame.bytes.length)
  assert.deepEqual([...received.buffer.bytes.subarray(0, received.bytes)], [...frame.bytes])
}

test('ThreadLink carries frames of any size, in its box and in pieces', async () => {
  const link = await open()
  for (const bytes of [21, 64, BOX_BYTES - 1, BOX_BYTES, BOX_BYTES + 1, 3 * BOX_BYTES, 1 << 20]) {
    const frame = frameOf(bytes, { seed: bytes })
    assert.equal(link.send(frame, bytes), true)
    assertEcho(link, frame)
  }
})

test('ThreadLink sends what was written in place', async () => {
  const link = await open()
  for (let round = 0; round < 50; round++) {
    const frame = link.frame(100)
    frame.bytes.fill(round, 0, 100)
    frame.bytes[HEADER_BYTES] = 1
    const sent = frame.bytes.slice(0, 100)
    assert.equal(link.send(frame, 100), true)
    const received = link.receive(LONG_MS)
    assert.deepEqual(received?.buffer.bytes.slice(0, 100), sent)
  }
})

test('ThreadLink gives several frames that arrived in their order', async () => {
  const link = await open()
  const frames = [3, 2, 4].map((times, i) => frameOf(5000, { times, seed: i }))
  for (const frame of frames) link.send(frame, 5000)
  for (const frame of frames) {
    for (let i = 0; i < (frame.bytes[HEADER_BYTES] ?? 0); i++) assertEcho(link, frame)
  }
  assert.equal(link.receive(20), undefined)
})

test('ThreadLink gives what arrived before the end, then nothing, and refuses to send', async () => {
  const link = await open()
  const last = frameOf(100, { times: 255 })
  link.send(last, 100)
  assertEcho(link, last)
  assert.equal(link.receive(LONG_MS), undefined)
  assert.equal(link.isOpen, false)
  assert.equal(link.send(last, 100), false)
})

test('ThreadLink gives up at its deadline', async () => {
  const link = await open()
  const started = performance.now()
  assert.equal(link.receive(30), undefined)
  assert.ok(performance.now() - started >= 29)
  assert.equal(link.isOpen, true)
})

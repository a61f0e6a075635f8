import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../../src/base/prng.js'
import { FRAME, HEADER_BYTES, transferOf } from '../../src/fabric/frame.js'
import { waitAny } from '../../src/fabric/wait-any.js'
import type { NativeBuffer } from '../../src/native/memory.js'
import { frameOf, nextFrame, sameBytes } from './frames.js'
import { type End, memoryLinks, socketLinks } from './link-pair.js'
import { newIdentity } from './nodes.js'

const keys = { head: newIdentity(), node: newIdentity() }
const cleanUps: (() => unknown)[] = []
after(() => {
  for (const cleanUp of cleanUps) cleanUp()
})

function closing<T extends { head: End; node: End }>(ends: T): T {
  cleanUps.push(() => {
    ends.head.link.close()
    ends.node.link.close()
  })
  return ends
}

function send({ link }: End, frame: NativeBuffer): void {
  assert.equal(link.send(frame, frame.bytes.length), true)
}

for (const isEncrypted of [true, false]) {
  test(`DataLink carries frames of any length both ways, TLS: ${isEncrypted}`, () => {
    const { head, node } = closing(socketLinks(isEncrypted ? keys : undefined))
    // Around the buffers for small frames, records of TLS, and frames that come in pieces.
    const sizes = [20, 21, 44, 4600, 16_383, 16_384, 65_536, 65_537, 100_001, 3_000_000, 22]
    sizes.forEach((bytes, step) => {
      for (const kind of [FRAME.load, FRAME.dispatch]) {
        const frame = frameOf(kind, { bytes, step })
        send(head, frame)
        sameBytes(nextFrame(node.link, [head.link]), frame)
      }
      const combine = frameOf(FRAME.combine, { bytes, step, seed: bytes + 1 })
      send(node, combine)
      sameBytes(nextFrame(head.link, [node.link]), combine)
    })
    assert.deepEqual([head.ends, node.ends], [[], []])
  })
}

test('DataLink sends what was written in place, and then lends other memory', () => {
  const { head, node } = memoryLinks(1 << 20)
  for (let round = 0; round < 20; round++) {
    const frame = head.link.frame(100)
    frame.bytes.set(frameOf(FRAME.load, { bytes: 100, seed: round }).bytes)
    assert.equal(head.link.frame(80), frame)
    const copy = frameOf(FRAME.load, { bytes: 100, seed: round })
    assert.equal(head.link.send(frame, 100), true)
    sameBytes(nextFrame(node.link, [head.link]), copy)
  }
})

test('a dispatch and its combine are one write each, with the credit that goes with them', () => {
  const { head, node, channels } = memoryLinks(1 << 20)
  const bytes = 4600
  const roundTrip = (step: number): void => {
    const transfer = transferOf(step, 0)
    head.credits.request([{ peer: head.link.peer, transfer, bytes }], 0)
    const dispatch = frameOf(FRAME.dispatch, { bytes, step })
    send(head, dispatch)
    sameBytes(nextFrame(node.link), dispatch)
    const combine = frameOf(FRAME.combine, { bytes, step, seed: 1 })
    send(node, combine)
    sameBytes(nextFrame(head.link), combine)
  }
  // The first credit of a node comes by itself.
  assert.equal(node.link.poll(), undefined)
  assert.equal(head.link.poll(), undefined)
  for (let step = 0; step < 50; step++) {
    const before = channels.map(({ writes }) => writes)
    const { bytesSent } = head.link
    roundTrip(step)
    const after = channels.map(({ writes }, i) => writes - (before[i] ?? 0))
    assert.deepEqual(after, [1, 1])
    assert.equal(head.link.bytesSent - bytesSent, bytes + 44)
  }
})

test('frames that need no credit pass between the pieces of one that waits for it', () => {
  const { head, node } = memoryLinks(1 << 22)
  const dispatch = frameOf(FRAME.dispatch, { bytes: 1_000_000, step: 3, attempt: 2 })
  const control = frameOf(FRAME.map, { bytes: 300 })
  assert.equal(node.link.poll(), undefined)
  assert.equal(head.link.poll(), undefined)
  send(head, dispatch)
  assert.equal(node.link.poll(), undefined)
  send(head, control)
  sameBytes(nextFrame(node.link), control)
  assert.ok(head.link.backlogBytes > 900_000)
  sameBytes(nextFrame(node.link, [head.link]), dispatch)
  assert.equal(head.link.backlogBytes, 0)
  const { balance } = node.credits
  assert.equal(balance.excess, 0)
  assert.equal(balance.arrived, dispatch.bytes.length)
})

test('both ends in the middle of long frames go on', () => {
  // Pipes much smaller than the frames: each end can send only while the other one reads.
  const { head, node } = memoryLinks(4096, Prng.fromSeed(1))
  const dispatches = [0, 1, 2].map((step) => frameOf(FRAME.dispatch, { bytes: 400_000, step }))
  const combines = [7, 8, 9].map((step) => frameOf(FRAME.combine, { bytes: 300_000, step }))
  for (const frame of dispatches) send(head, frame)
  for (const frame of combines) send(node, frame)
  const got = { dispatches: 0, combines: 0 }
  for (let turn = 0; turn < 1e6 && got.dispatches + got.combines < 6; turn++) {
    const there = node.link.poll()
    if (there !== undefined && there !== 'gone') {
      sameBytes(there, dispatches[got.dispatches++] as NativeBuffer)
    }
    const here = head.link.poll()
    if (here !== undefined && here !== 'gone') {
      sameBytes(here, combines[got.combines++] as NativeBuffer)
    }
  }
  assert.deepEqual(got, { dispatches: 3, combines: 3 })
})

test('a dispatch that is sent again while it waits is sent once', () => {
  const { head, node } = memoryLinks(1 << 20)
  const dispatch = frameOf(FRAME.dispatch, { bytes: 50_000, step: 1 })
  for (let i = 0; i < 3; i++) send(head, dispatch)
  sameBytes(nextFrame(node.link, [head.link]), dispatch)
  for (let i = 0; i < 100; i++) {
    assert.equal(head.link.poll(), undefined)
    assert.equal(node.link.poll(), undefined)
  }
})

test('DataLink ends when its peer takes nothing, in bounded memory', () => {
  const { head } = memoryLinks(1000)
  const frame = frameOf(FRAME.load, { bytes: 10_000_000 })
  let count = 0
  while (head.link.send(frame, frame.bytes.length)) count++
  assert.ok(count > 20 && count < 40, `${count}`)
  assert.equal(head.link.poll(), 'gone')
  assert.deepEqual(head.ends, ['it does not take what it is sent'])
  const small = frameOf(FRAME.load, { bytes: 20 })
  const many = memoryLinks(1000).head
  for (count = 0; many.link.send(small, 20); count++);
  assert.ok(count > 4000 && count < 5000, `${count}`)
})

test('DataLink gives what came before the end, then the end, once', () => {
  const { head, node } = memoryLinks(1 << 20)
  const last = frameOf(FRAME.load, { bytes: 5000 })
  assert.equal(head.link.poll(), undefined)
  send(head, last)
  head.link.close()
  head.link.close()
  sameBytes(nextFrame(node.link), last)
  assert.equal(node.link.poll(), 'gone')
  assert.equal(node.link.poll(), 'gone')
  assert.equal(node.link.send(last, 5000), false)
  assert.deepEqual(head.ends, ['this side has closed it'])
  assert.deepEqual(node.ends, ['the pipe was closed'])
})

test('DataLink ends with its lease, whatever the sockets say', () => {
  const { head, node } = closing(socketLinks(keys))
  const frame = frameOf(FRAME.load, { bytes: 100 })
  send(head, frame)
  sameBytes(nextFrame(node.link, [head.link]), frame)
  send(head, frame)
  node.state.end()
  assert.equal(node.link.isOpen, false)
  sameBytes(nextFrame(node.link), frame)
  assert.equal(node.link.receive(10_000), undefined)
  assert.deepEqual(node.ends, ['its lease has ended'])
})

test('DataLink ends when the other end does not open it', () => {
  const { head, node } = closing(socketLinks(keys, { openTimeoutMs: 30 }))
  assert.equal(node.link.poll(), undefined)
  assert.equal(node.link.receive(10_000), undefined)
  assert.match(node.ends[0] ?? '', /did not open/)
  assert.equal(head.link.receive(10_000), undefined)
})

test('DataLink waits for its deadline and is woken by what comes', () => {
  const { head, node } = closing(socketLinks(keys))
  const frame = frameOf(FRAME.load, { bytes: 100 })
  send(head, frame)
  nextFrame(node.link, [head.link])
  const started = performance.now()
  assert.equal(node.link.receive(40), undefined)
  assert.ok(performance.now() - started >= 39)
  assert.equal(node.link.isOpen, true)
  send(head, frame)
  send(head, frame)
  waitAny([head.link, node.link], 10_000)
  sameBytes(nextFrame(node.link), frame)
  // The second frame is read already: nobody may sleep.
  assert.equal(node.link.waits.doze(), false)
  node.link.waits.wake()
  waitAny([head.link, node.link], 10_000)
  sameBytes(nextFrame(node.link), frame)
  assert.ok(performance.now() - started < 10_000)
})

test('DataLink wants to be woken when there is room again', () => {
  const { head, node } = closing(socketLinks())
  const frame = frameOf(FRAME.load, { bytes: 40_000_000 })
  assert.equal(node.link.poll(), undefined)
  assert.equal(head.link.poll(), undefined)
  send(head, frame)
  assert.equal(head.link.waits.isWriting, true)
  sameBytes(nextFrame(node.link, [head.link]), frame)
  assert.equal(head.link.waits.isWriting, false)
})

test('DataLink gives round trips of heartbeats to the granter', () => {
  const { head } = memoryLinks(1000)
  assert.equal(head.link.roundTripUs, undefined)
  const before = head.credits.balance.window
  head.state.noteRoundTrip(100_000)
  assert.equal(head.link.poll(), undefined)
  assert.equal(head.link.heartbeats, 1)
  assert.equal(head.link.roundTripUs, 100_000)
  assert.ok(head.credits.balance.window > before)
})

type Said = { readonly isHead: boolean; readonly kind: number; readonly bytes: number }

const talk = fc.array(
  fc.record({
    isHead: fc.boolean(),
    kind: fc.constantFrom(FRAME.load, FRAME.dispatch, FRAME.combine),
    bytes: fc.oneof(
      fc.integer({ min: HEADER_BYTES, max: 400 }),
      fc.integer({ min: HEADER_BYTES, max: 120_000 }),
    ),
  }),
  { minLength: 1, maxLength: 12 },
)

test('however bytes are cut, the same frames come', () => {
  fc.assert(
    fc.property(talk, fc.nat(), fc.integer({ min: 100, max: 100_000 }), (said, seed, capacity) => {
      const { head, node } = memoryLinks(capacity, Prng.fromSeed(seed))
      const sent = said.map((one, step) => ({
        ...one,
        frame: frameOf(one.kind, { bytes: one.bytes, step, attempt: step }),
      }))
      for (const { isHead, frame } of sent) send(isHead ? head : node, frame)
      const got = { head: [] as Buffer[], node: [] as Buffer[] }
      const isDone = (): boolean => got.head.length + got.node.length === said.length
      for (let turn = 0; turn < 100_000 && !isDone(); turn++) {
        for (const [name, { link }] of Object.entries({ head, node })) {
          const frame = link.poll()
          assert.notEqual(frame, 'gone')
          if (frame === undefined || frame === 'gone') continue
          const bytes = Buffer.from(frame.buffer.bytes.subarray(0, frame.bytes))
          got[name as 'head' | 'node'].push(bytes)
        }
      }
      for (const isHead of [true, false]) {
        const wanted = sent.filter((one) => one.isHead === isHead)
        compare(isHead ? got.node : got.head, wanted)
      }
    }),
    { numRuns: 60 },
  )
})

/** Those that need credit keep their order, and so do the others. */
function compare(got: Buffer[], wanted: ReadonlyArray<Said & { frame: NativeBuffer }>): void {
  const isLoad = (kind: number | undefined): boolean => kind === FRAME.load
  for (const load of [true, false]) {
    const expected = wanted.filter(({ kind }) => isLoad(kind) === load)
    const actual = got.filter((bytes) => isLoad(bytes[4]) === load)
    assert.equal(actual.length, expected.length)
    for (const [i, { frame }] of expected.entries()) assert.ok(actual[i]?.equals(frame.bytes))
  }
}

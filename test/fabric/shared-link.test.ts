import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  FRAME,
  type FrameKind,
  frameHeader,
  HEADER_BYTES,
  writeHeader,
} from '../../src/fabric/frame.js'
import { SharedLink, sharedBytes } from '../../src/fabric/shared-link.js'
import { SocketLink } from '../../src/fabric/socket-link.js'
import { waitAny } from '../../src/fabric/wait-any.js'
import { allocateNative, type NativeBuffer } from '../../src/native/memory.js'
import {
  createShared,
  HAS_SHARED_MEMORY,
  mapShared,
  unmapShared,
} from '../../src/native/shared-memory.js'
import { localSockets } from '../../src/native/sockets.js'

const FRAME_BYTES = 1000
const LONG_MS = 30_000
const options = { skip: !HAS_SHARED_MEMORY }

type Ends = { head: SharedLink; card: SharedLink; memory: NativeBuffer }

/** Both ends of one link in this process, each with a mapping of its own. */
function withEnds(run: (ends: Ends) => void): void {
  const sockets = localSockets()
  const fds = sockets.pair()
  const bytes = sharedBytes(FRAME_BYTES)
  const { fd, buffer } = createShared(bytes)
  const now = () => performance.now()
  const open = (isHead: boolean): SharedLink => {
    const memory = isHead ? buffer : mapShared(fd, bytes)
    const socket = fds[isHead ? 0 : 1]
    return new SharedLink({
      socket: new SocketLink({ sockets, socket, spinUs: 50, sendTimeoutMs: LONG_MS, now }),
      memory,
      isHead,
      spinUs: 50,
      yield: sockets.yield,
      now,
      release: () => unmapShared(memory),
    })
  }
  const ends = { head: open(true), card: open(false), memory: buffer }
  try {
    run(ends)
  } finally {
    ends.head.close()
    ends.card.close()
    sockets.close(fd)
  }
}

/** Writes a frame of one repeated byte where the link wants it, or elsewhere. */
function frameFor(
  link: SharedLink,
  { bytes, fill, kind, isOwn }: { bytes: number; fill: number; kind: FrameKind; isOwn: boolean },
): NativeBuffer {
  const frame = isOwn ? link.frame(bytes) : allocateNative(bytes)
  frame.bytes.fill(fill, HEADER_BYTES, bytes)
  writeHeader(frame.view, frameHeader(kind, { payloadBytes: bytes - HEADER_BYTES }))
  return frame
}

const turns = fc.array(
  fc.record({
    bytes: fc.integer({ min: HEADER_BYTES, max: 3 * FRAME_BYTES }),
    fill: fc.integer({ min: 0, max: 255 }),
    kind: fc.constantFrom(FRAME.dispatch, FRAME.combine, FRAME.progress),
    isOwn: fc.boolean(),
    isFromHead: fc.boolean(),
  }),
  { maxLength: 20 },
)

test('SharedLink carries frames of any kind and length, both ways', options, () => {
  fc.assert(
    fc.property(turns, (sequence) => {
      withEnds(({ head, card }) => {
        for (const { isFromHead, ...turn } of sequence) {
          const [from, to] = isFromHead ? [head, card] : [card, head]
          const before = to.bytesReceived
          assert.equal(from.send(frameFor(from, turn), turn.bytes), true)
          const got = to.receive(LONG_MS)
          assert.equal(got?.bytes, turn.bytes)
          assert.equal(got.buffer.view.getUint8(4), turn.kind)
          const payload = got.buffer.bytes.subarray(HEADER_BYTES, turn.bytes)
          assert.ok(payload.every((byte) => byte === turn.fill))
          assert.equal(to.bytesReceived - before, turn.bytes)
        }
        assert.equal(head.bytesSent, card.bytesReceived)
        assert.equal(card.bytesSent, head.bytesReceived)
      })
    }),
    { numRuns: 50 },
  )
})

test('SharedLink gives up at the deadline, and when the other end is gone', options, () => {
  withEnds(({ head, card }) => {
    assert.equal(head.receive(0), undefined)
    assert.equal(head.receive(20), undefined)
    card.close()
    assert.equal(head.receive(LONG_MS), undefined)
  })
})

test('SharedLink delivers what was posted before the other end went', options, () => {
  withEnds(({ head, card }) => {
    const turn = { bytes: 100, fill: 1, kind: FRAME.combine, isOwn: true }
    card.send(frameFor(card, turn), 100)
    card.close()
    assert.equal(head.receive(LONG_MS)?.bytes, 100)
    assert.equal(head.receive(LONG_MS), undefined)
  })
})

test('SharedLink refuses lengths that no mailbox holds', options, () => {
  const half = sharedBytes(FRAME_BYTES) / 2
  for (const bytes of [0, HEADER_BYTES - 1, -1, half - 63, 0x7fff_ffff]) {
    withEnds(({ head, memory }) => {
      // The card's mailbox: number of the frame, then its length.
      const box = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + half, 2)
      box[1] = bytes
      Atomics.add(box, 0, 1)
      assert.throws(() => head.receive(LONG_MS), { code: 'FRAME_INVALID' })
    })
  }
})

test('SharedLink does nothing once it is closed', options, () => {
  withEnds(({ head }) => {
    const turn = { bytes: 100, fill: 1, kind: FRAME.dispatch, isOwn: false }
    const frame = frameFor(head, turn)
    head.close()
    head.close()
    assert.equal(head.send(frame, 100), false)
    assert.equal(head.receive(LONG_MS), undefined)
  })
})

test(
  'SharedLink wakes who sleeps in poll, by a post and by the socket, and polls both',
  options,
  () => {
    withEnds(({ head, card }) => {
      for (const kind of [FRAME.dispatch, FRAME.load]) {
        assert.equal(head.poll(), undefined)
        assert.equal(head.waits.doze(), true)
        const frame = frameFor(card, { bytes: 500, fill: kind, kind, isOwn: true })
        assert.equal(card.send(frame, 500), true)
        const started = performance.now()
        localSockets().wait(head.waits.fd, LONG_MS)
        assert.ok(performance.now() - started < LONG_MS)
        head.waits.wake()
        let got = head.poll()
        while (got === undefined) got = head.poll()
        assert.ok(got !== 'gone')
        assert.equal(got.bytes, 500)
        assert.equal(got.buffer.bytes[HEADER_BYTES], kind)
      }
      // What is there already keeps everybody awake.
      card.send(frameFor(card, { bytes: 500, fill: 1, kind: FRAME.dispatch, isOwn: true }), 500)
      assert.equal(head.waits.doze(), false)
      head.waits.wake()
      waitAny([head, card], LONG_MS)
      card.close()
      while (head.poll() !== 'gone');
    })
  },
)

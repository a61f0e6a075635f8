/** Both ends of a pages connection in memory: bounds, order, pace, and peers that misbehave. */
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { after, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { defined } from '../../src/base/assert.js'
import { type Frame, FrameStream } from '../../src/fabric/frame-stream.js'
import {
  decodeRefusal,
  encodeRequest,
  PAGE_FRAME,
  type PageRequest,
  RANGE_BYTES_MAX,
  REQUESTS_MAX,
} from '../../src/fabric/page-messages.js'
import { PagePace } from '../../src/fabric/page-pace.js'
import { PageServing, type PageShelf } from '../../src/fabric/page-serving.js'
import { waitUntil } from '../support/processes.js'

const page = { region: 0, expert: 1 }
const PAGE_BYTES = 3000

function paceOf(options: Partial<ConstructorParameters<typeof PagePace>[0]> = {}): PagePace {
  return new PagePace({
    bytesPerSecond: Number.POSITIVE_INFINITY,
    bytesInFlightMax: 1 << 20,
    now: () => 0,
    sleep: () => Promise.resolve(),
    ...options,
  })
}

const servings: PageServing[] = []
after(() => {
  for (const serving of servings) serving.end('the test is over')
})

type Change = { shelf?: Partial<PageShelf>; pace?: PagePace; now?: () => number }

/** A serving whose other end takes bytes when told, or at once. */
function serve({ shelf = {}, pace = paceOf(), now = () => 0 }: Change = {}) {
  const frames: Frame[] = []
  const stream = new FrameStream({ payloadBytesMax: RANGE_BYTES_MAX })
  let taken: (() => void) | undefined
  const state = { isTaking: true, ended: '', reading: 0, readingMax: 0 }
  const socket = new Duplex({
    read: () => {},
    writableHighWaterMark: 1000,
    write: (chunk: Uint8Array, _, done) => {
      frames.push(...stream.push(Uint8Array.from(chunk)))
      if (state.isTaking) done()
      else taken = done
    },
  })
  const serving = new PageServing({
    socket,
    frames: new FrameStream({ payloadBytesMax: 0 }),
    pace,
    shelf: {
      manifest: Uint8Array.from({ length: 500 }, (_, i) => i),
      pageBytes: ({ expert }) => (expert === 1 ? PAGE_BYTES : undefined),
      read: async (_, { offset, length }) => {
        state.readingMax = Math.max(state.readingMax, ++state.reading)
        await turn()
        state.reading--
        return Uint8Array.from({ length }, (_, i) => offset + i)
      },
      holdings: () => Uint8Array.of(2),
      ...shelf,
    },
    peers: () => [{ pin: 'ab'.repeat(32), port: 7, addresses: ['10.0.0.1'] }],
    onAnnounce: () => {},
    now,
    onEnd: (reason) => {
      state.ended = reason
    },
  })
  servings.push(serving)
  serving.start()
  const ask = (...requests: PageRequest[]): void => {
    socket.emit('data', Buffer.concat(requests.map(encodeRequest)))
  }
  const take = (): void => {
    state.isTaking = true
    taken?.()
  }
  return { socket, frames, state, ask, take }
}

const range = (id: number, offset: number, length: number): PageRequest => {
  return { kind: 'page', id, page, range: { offset, length } }
}

test('PageServing answers each request under its number', async () => {
  const { ask, frames } = serve()
  ask(
    { kind: 'manifest', id: 1, range: { offset: 10, length: 3 } },
    range(2, 2998, 2),
    { kind: 'holdings', id: 3 },
    { kind: 'peers', id: 4 },
    { kind: 'announce', id: 5, place: { port: 9, addresses: [] } },
  )
  await waitUntil(() => frames.length === 5)
  const byId = new Map(frames.map((frame) => [frame.header.step, frame]))
  assert.ok(frames.every(({ header }) => header.kind === PAGE_FRAME.bytes))
  assert.deepEqual([...defined(byId.get(1), '1').payload], [10, 11, 12])
  assert.deepEqual([...defined(byId.get(2), '2').payload], [2998 & 255, 2999 & 255])
  assert.deepEqual([...defined(byId.get(3), '3').payload], [2])
  assert.match(String(Buffer.from(defined(byId.get(4), '4').payload)), /10\.0\.0\.1/)
  assert.equal(byId.get(5)?.payload.length, 0)
})

test('PageServing refuses what is beyond a page or fails, and goes on', async () => {
  const fail = async () => {
    throw new Error('the disk is gone')
  }
  const { ask, frames } = serve({ shelf: { read: fail } })
  ask(
    { kind: 'page', id: 1, page: { region: 0, expert: 2 }, range: { offset: 0, length: 1 } },
    range(2, PAGE_BYTES, 1),
    range(3, 0, 1),
    { kind: 'manifest', id: 4, range: { offset: 499, length: 2 } },
  )
  await waitUntil(() => frames.length === 4)
  const said = frames.map((frame) => [frame.header.step, decodeRefusal(frame)] as const)
  assert.match(new Map(said).get(1) ?? '', /not here/)
  assert.match(new Map(said).get(2) ?? '', /3000 bytes only/)
  assert.match(new Map(said).get(3) ?? '', /the disk is gone/)
  assert.match(new Map(said).get(4) ?? '', /500 bytes only/)
})

test('PageServing reads a few ranges at a time, and none while the other end takes nothing', async () => {
  const { ask, frames, state, take } = serve()
  state.isTaking = false
  ask(...Array.from({ length: 40 }, (_, id) => range(id, 0, 2000)))
  for (let i = 0; i < 50; i++) await turn()
  assert.ok(frames.length <= 1 && state.readingMax <= 4)
  take()
  await waitUntil(() => frames.length === 40)
  assert.ok(state.readingMax <= 4)
})

test('PageServing ends with who asks for too much or for nothing that there is', () => {
  const greedy = serve()
  greedy.state.isTaking = false
  greedy.ask(...Array.from({ length: REQUESTS_MAX + 1 }, (_, id) => range(id, 0, 10)))
  assert.match(greedy.state.ended, /more than it may/)
  assert.ok(greedy.socket.destroyed)
  const odd = serve()
  odd.socket.emit('data', Buffer.alloc(20, 1))
  assert.match(odd.state.ended, /a frame of \d+ bytes/)
})

test('PageServing ends with who takes nothing for long, or wants nothing for longer', async () => {
  const clock = { ms: 0 }
  const stalled = serve({ now: () => clock.ms })
  stalled.state.isTaking = false
  stalled.ask(range(1, 0, 2000))
  await waitUntil(() => stalled.socket.writableNeedDrain)
  clock.ms = 30_000
  await waitUntil(() => stalled.state.ended !== '')
  assert.match(stalled.state.ended, /takes nothing/)
  const idle = serve({ now: () => clock.ms })
  clock.ms = 200_000
  await waitUntil(() => idle.state.ended !== '')
  assert.match(idle.state.ended, /nothing was asked/)
})

test('PageServing gives back its bytes when the other end goes', async () => {
  const pace = paceOf({ bytesInFlightMax: 4000 })
  const gone = serve({ pace })
  gone.state.isTaking = false
  gone.ask(...Array.from({ length: 10 }, (_, id) => range(id, 0, 2000)))
  for (let i = 0; i < 20; i++) await turn()
  gone.socket.destroy()
  await waitUntil(() => gone.state.ended !== '')
  const next = serve({ pace })
  next.ask(range(1, 0, 2000), range(2, 0, 2000))
  await waitUntil(() => next.frames.length === 2)
})

test('PagePace keeps to its rate and to its bytes in flight', async () => {
  const clock = { ms: 1000 }
  const slept: number[] = []
  const sleep = async (ms: number): Promise<void> => {
    slept.push(ms)
    clock.ms += ms
  }
  const pace = paceOf({ bytesPerSecond: 1000, bytesInFlightMax: 250, now: () => clock.ms, sleep })
  await pace.take(100)
  await pace.take(100)
  assert.deepEqual(slept, [100])
  let isTaken = false
  const third = pace.take(100).then(() => {
    isTaken = true
  })
  await turn()
  assert.equal(isTaken, false)
  pace.done(100)
  await third
  assert.deepEqual(slept, [100, 100])
  // What is larger than all that may be in flight goes alone.
  pace.done(100)
  pace.done(100)
  await pace.take(1000)
  let isNext = false
  void pace.take(1).then(() => {
    isNext = true
  })
  await turn()
  assert.equal(isNext, false)
  pace.done(1000)
  await waitUntil(() => isNext)
})

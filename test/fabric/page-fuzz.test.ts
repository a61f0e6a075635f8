/** Any bytes for the ends of a pages connection; see `fuzzing.ts`. */
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { SputnikError } from '../../src/base/errors.js'
import { FRAME_BYTES_MAX, frameHeader } from '../../src/fabric/frame.js'
import { type Frame, FrameStream } from '../../src/fabric/frame-stream.js'
import {
  decodePeers,
  decodeRefusal,
  decodeRequest,
  encodeRequest,
  PAGE_FRAME,
  type PageRequest,
  PEERS_MAX,
  RANGE_BYTES_MAX,
  REQUEST_BYTES_MAX,
} from '../../src/fabric/page-messages.js'
import { PagePace } from '../../src/fabric/page-pace.js'
import { PageServing } from '../../src/fabric/page-serving.js'
import { fuzz } from './fuzzing.js'

function framesOf(bytes: Buffer): { frames: Frame[]; error?: string } {
  const stream = new FrameStream({ payloadBytesMax: REQUEST_BYTES_MAX })
  const frames: Frame[] = []
  try {
    stream.feed(bytes)
    for (let frame = stream.next(); frame !== undefined; frame = stream.next()) frames.push(frame)
    return { frames }
  } catch (error) {
    return { frames, error: codeOf(error) }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof SputnikError) return error.code
  throw error
}

function checkRequest(request: PageRequest): string {
  if ('range' in request) {
    const { offset, length } = request.range
    assert.ok(length > 0 && length <= RANGE_BYTES_MAX && offset <= 2 ** 30)
  }
  const [again] = framesOf(Buffer.from(encodeRequest(request))).frames
  assert.ok(again !== undefined)
  assert.deepEqual(decodeRequest(again), request)
  return request.kind
}

test('decodeRequest takes what it understands and refuses any other bytes', () => {
  const outcomes = fuzz('page-requests', (bytes) => {
    const { frames, error = 'fine' } = framesOf(bytes)
    const kinds = frames.map((frame) => {
      try {
        return checkRequest(decodeRequest(frame))
      } catch (wrong) {
        return codeOf(wrong)
      }
    })
    return `${error} ${kinds[0] ?? 'nothing'}`
  })
  const kinds = ['manifest', 'page', 'peers', 'holdings', 'announce', 'FRAME_INVALID']
  for (const kind of kinds) assert.ok(outcomes.has(`fine ${kind}`), kind)
  assert.ok(outcomes.has('FRAME_INVALID nothing'))
})

/** The other end of a socket that only takes. */
function deafSocket(): { socket: Duplex; sent: () => number } {
  let sent = 0
  const socket = new Duplex({
    read: () => {},
    write: (chunk: Uint8Array, _, done) => {
      sent += chunk.length
      done()
    },
  })
  return { socket, sent: () => sent }
}

test('PageServing survives any bytes, and never sends what it does not have', () => {
  const pace = new PagePace({
    bytesPerSecond: Number.POSITIVE_INFINITY,
    bytesInFlightMax: FRAME_BYTES_MAX,
    now: () => 0,
    sleep: () => Promise.resolve(),
  })
  const outcomes = fuzz('page-requests', (bytes) => {
    const { socket, sent } = deafSocket()
    let reason = 'open'
    const serving = new PageServing({
      socket,
      frames: new FrameStream({ payloadBytesMax: 0 }),
      pace,
      shelf: {
        manifest: new Uint8Array(300_000),
        pageBytes: ({ expert }) => (expert < 4 ? 1000 : undefined),
        read: async (_, { length }) => new Uint8Array(length),
        holdings: () => new Uint8Array(2),
      },
      peers: () => [],
      onAnnounce: ({ port }) => assert.ok(port > 0),
      now: () => 0,
      onEnd: (why) => {
        reason = why
      },
    })
    serving.start()
    socket.emit('data', bytes)
    const outcome = reason.split(' ').slice(0, 4).join(' ')
    serving.end('done')
    assert.equal(sent(), 0, 'nothing is sent before it is read')
    return outcome
  })
  for (const start of ['open', 'a message about pages', 'the other end asks', 'a frame of']) {
    assert.ok(
      [...outcomes].some((outcome) => outcome.startsWith(start)),
      start,
    )
  }
})

test('lists of nodes and refusals are taken within their bounds', () => {
  const outcomes = fuzz('page-lists', (bytes) => {
    const header = frameHeader(PAGE_FRAME.refused, { payloadBytes: bytes.length })
    return [
      () => {
        const peers = decodePeers(bytes)
        assert.ok(peers.length <= PEERS_MAX && peers.every(({ port }) => port <= 0xffff))
        return 'peers'
      },
      () => {
        const text = decodeRefusal({ header, bytes, payload: bytes })
        assert.doesNotMatch(text, /\p{Cc}/u)
        return 'refusal'
      },
    ]
      .map((decode) => {
        try {
          return decode()
        } catch (error) {
          return codeOf(error)
        }
      })
      .join(' ')
  })
  assert.ok(outcomes.has('peers FRAME_INVALID'))
  assert.ok(outcomes.has('FRAME_INVALID refusal'))
  assert.ok(outcomes.has('FRAME_INVALID FRAME_INVALID'))
})

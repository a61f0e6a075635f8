import assert from 'node:assert/strict'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { Prng } from '../../src/base/prng.js'
import { runCard } from '../../src/card/card.js'
import { controlFrame, type Load, mappedSchema, readControl } from '../../src/fabric/control.js'
import { encodingByte } from '../../src/fabric/dispatch.js'
import { FRAME, HEADER_BYTES, readHeader, writeHeader } from '../../src/fabric/frame.js'
import type { Link, ReceivedFrame } from '../../src/fabric/link.js'
import { loadLibraries } from '../../src/native/library.js'
import { allocateNative, type NativeBuffer } from '../../src/native/memory.js'
import { testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'
import {
  computeOnCard,
  dispatchFrame,
  loadOf,
  openKernel,
  recordOf,
  type Token,
} from './support.js'

const TENSORS = ['gate.weight', 'up.weight', 'down.weight']
const SLICE_BYTES = 4 * 32 * 32
const BALLAST = 128
const HELLO = { device: 'cpu' }

/** Experts that nothing computes, so that a map can be long. */
function withBallast(load: Load): Load {
  const tensor = {
    kind: 'weight',
    typeId: 0,
    shape: [32, 32, BALLAST],
    file: 0,
    offset: 0,
  } as const
  return {
    ...load,
    regions: [
      ...load.regions,
      {
        layer: 4000,
        group: '',
        experts: BALLAST,
        pages: [],
        slots: BALLAST,
        tensors: (['up', 'down'] as const).map((role) => ({
          ...tensor,
          shape: [...tensor.shape],
          name: role,
          role,
          sliceBytes: SLICE_BYTES,
        })),
      },
    ],
  }
}

/** Plays a head: hands out what `next` gives at each look, ends when the card would sleep. */
class ScriptedLink implements Link {
  readonly #next: (look: number) => NativeBuffer | undefined
  readonly sent: NativeBuffer[] = []
  /** What happened, in order: `idle` for a look that found nothing, else the kind of a frame. */
  readonly events: Array<'idle' | number> = []
  bytesSent = 0
  bytesReceived = 0
  #look = 0

  constructor(next: (look: number) => NativeBuffer | undefined) {
    this.#next = next
  }

  frame(bytes: number): NativeBuffer {
    return allocateNative(bytes)
  }

  send(frame: NativeBuffer): boolean {
    this.events.push(readHeader(frame.view).kind)
    this.sent.push(frame)
    return true
  }

  receive(timeoutMs: number): ReceivedFrame | undefined {
    const buffer = this.#next(this.#look++)
    if (buffer === undefined && timeoutMs < Infinity) this.events.push('idle')
    if (buffer === undefined) return undefined
    this.events.push(readHeader(buffer.view).kind)
    return { buffer, bytes: buffer.bytes.length }
  }

  readonly waits = { fd: -1, isWriting: false, doze: () => false, wake: () => {} }

  poll(): ReceivedFrame | undefined {
    return this.receive(0)
  }

  close(): void {}
}

function setUp() {
  loadLibraries('cpu')
  const load = loadOf(testModel('qwen3moe'), { tensors: TENSORS, pages: [1, 3, 4] })
  const record = recordOf(load, {
    activation: [{ op: 'glu', fn: 'SWIGLU', gate: 0, up: 1, alpha: 0, limit: 0 }],
    weights: 'after',
  })
  const prng = Prng.fromSeed(1)
  const token: Token = {
    x: Float32Array.from({ length: 256 }, () => prng.nextGaussian()),
    pairs: [1, 3].map((expert) => ({ expert, weight: 0.5 })),
  }
  const dispatch = dispatchFrame(record, { tokens: [token], encoding: 'f32' })
  writeHeader(dispatch.view, {
    payloadBytes: dispatch.bytes.length - HEADER_BYTES,
    kind: FRAME.dispatch,
    encoding: encodingByte({ dispatch: 'f32', combine: 'f32', isSummed: true }),
    region: 0,
    step: 1,
    attempt: 0,
    tokens: 1,
    computeUs: 0,
  })
  const [wanted] = computeOnCard(openKernel(load, record), [token])
  const start = [
    controlFrame(FRAME.load, withBallast(load)),
    controlFrame(FRAME.records, { records: [record] }),
  ]
  return { start, dispatch, wanted }
}

function ballastFile(): string {
  const file = join(scratchDirectory(), 'ballast')
  writeFileSync(file, '')
  truncateSync(file, 2 * SLICE_BYTES)
  return file
}

function ballastMap(count: number, { id, file }: { id: number; file: string }) {
  const pages = Array.from({ length: count }, (_, expert) => ({ region: 1, expert }))
  return { id, pages, sources: pages.map(() => ({ file, offset: 0 })) }
}

const MANY = 100

test('Card serves between any two pages of a long map', () => {
  const { start, dispatch, wanted } = setUp()
  const map = ballastMap(MANY, { id: 5, file: ballastFile() })
  const script = [...start, controlFrame(FRAME.map, map)]
  let isMapped = false
  const link = new ScriptedLink((look) => {
    if (look < script.length) return script[look]
    isMapped = link.events.includes(FRAME.mapped)
    return !isMapped && look % 2 === 0 ? dispatch : undefined
  })
  runCard(link, { now: () => 0, hello: HELLO })

  const from = link.events.indexOf(FRAME.map)
  const during = link.events.slice(from, link.events.indexOf(FRAME.mapped))
  // A page for each look, that which found the map included, no matter what else it found.
  assert.equal(during.filter((event) => event !== FRAME.combine).length, MANY)
  const asked = during.flatMap((event, at) => (event === FRAME.dispatch ? [at] : []))
  assert.ok(asked.length >= MANY / 2 - 1, String(asked.length))
  // Answered before anything else is done.
  for (const at of asked) assert.equal(during[at + 1], FRAME.combine)
  const answers = link.sent.filter(({ view }) => readHeader(view).kind === FRAME.combine)
  for (const { bytes } of answers) {
    assert.deepEqual(new Float32Array(bytes.slice(HEADER_BYTES).buffer), wanted)
  }
  const [mapped] = link.sent.filter(({ view }) => readHeader(view).kind === FRAME.mapped)
  const { id, pages } = readControl(defined(mapped, 'answer').bytes, mappedSchema)
  assert.deepEqual({ id, pages }, { id: 5, pages: 3 + MANY })
})

test('Card works off maps and unmaps in their order, and answers each', () => {
  const { start } = setUp()
  const file = ballastFile()
  const { pages } = ballastMap(3, { id: 0, file })
  const script = [
    ...start,
    controlFrame(FRAME.map, ballastMap(3, { id: 1, file })),
    controlFrame(FRAME.map, ballastMap(1, { id: 2, file })),
    controlFrame(FRAME.unmap, { id: 3, pages }),
    controlFrame(FRAME.map, ballastMap(2, { id: 4, file })),
    controlFrame(FRAME.unmap, { id: 5, pages }),
  ]
  const link = new ScriptedLink((look) => script[look])
  runCard(link, { now: () => performance.now(), hello: HELLO })
  const answers = link.sent.flatMap(({ view, bytes }) => {
    const { kind } = readHeader(view)
    if (kind !== FRAME.mapped && kind !== FRAME.failed) return []
    const text = new TextDecoder().decode(bytes.slice(HEADER_BYTES))
    const { id, pages: held, code } = JSON.parse(text) as Record<string, unknown>
    return [[id, code ?? held]]
  })
  assert.deepEqual(answers, [
    [1, 6],
    [2, 'PAGE_MAPPED'],
    [3, 3],
    [4, 5],
    [5, 'PAGE_NOT_MAPPED'],
  ])
})

test('Card refuses more maps than it may keep, and maps before it has regions', () => {
  const { start } = setUp()
  const file = ballastFile()
  const early = controlFrame(FRAME.map, ballastMap(1, { id: 1000, file }))
  const maps = Array.from({ length: 70 }, (_, id) =>
    controlFrame(FRAME.map, ballastMap(MANY, { id, file })),
  )
  const script = [early, ...start, ...maps]
  const link = new ScriptedLink((look) => script[look])
  runCard(link, { now: () => 0, hello: HELLO })
  const codes = link.sent
    .filter(({ view }) => readHeader(view).kind === FRAME.failed)
    .map(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes.slice(HEADER_BYTES))).code)
  assert.equal(codes[0], 'FRAME_INVALID')
  assert.equal(codes.filter((code) => code === 'CARD_BUSY').length, 6)
  assert.equal(codes.filter((code) => code === 'PAGE_MAPPED').length, 63)
})

test('Card ends when nobody takes its answers', () => {
  const { start } = setUp()
  const map = ballastMap(MANY, { id: 5, file: ballastFile() })
  const script = [...start, controlFrame(FRAME.map, map)]
  const link = new ScriptedLink((look) => script[look])
  link.send = () => false
  runCard(link, { now: () => performance.now(), hello: HELLO })
  assert.deepEqual(link.events, [])
})

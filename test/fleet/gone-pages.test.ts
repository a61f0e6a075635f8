/** What a head makes of pages that a domain says are gone: a real fleet and its loop of steps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SputnikError, toPlain } from '../../src/base/errors.js'
import { createLogger } from '../../src/base/log.js'
import { StepLoop } from '../../src/engine/step-loop.js'
import {
  controlFrame,
  MAP_PAGES_MAX,
  mapSchema,
  type PageAt,
  readControl,
} from '../../src/fabric/control.js'
import { FRAME, type FrameHeader, readHeader } from '../../src/fabric/frame.js'
import { Fleet } from '../../src/fleet/fleet.js'
import { FleetLog } from '../../src/fleet/fleet-log.js'
import type { NativeBuffer } from '../../src/native/memory.js'
import { answerTo, callOf, expected, recordOf } from './integer-fleet.js'
import { linkOf, NODE_ID, remoteDomain } from './remote.js'

const EXPERTS = 4
const ALL: readonly PageAt[] = Array.from({ length: EXPERTS }, (_, expert) => ({
  region: 0,
  expert,
}))
const NOT_MAPPED = toPlain(new SputnikError('PAGE_NOT_MAPPED', 'expert 1 is not on this domain'))

/** A domain that does what it is asked, and the head of a fleet of it alone. */
class World {
  readonly news = new FleetLog(() => 0)
  readonly fleet: Fleet
  readonly loop: StepLoop
  /** From the domain. */
  readonly #frames: NativeBuffer[] = []
  /** Pages of each map it was asked for. */
  readonly maps: (readonly PageAt[])[] = []
  /** The head has taken all that the domain said. */
  onQuiet: (() => void) | undefined
  onDispatch: ((header: FrameHeader) => boolean) | undefined
  readonly call = callOf(
    {
      ...{ tokens: 1, nUsed: EXPERTS },
      experts: Int32Array.from(ALL, ({ expert }) => expert),
      weights: new Float32Array(EXPERTS).fill(1),
    },
    EXPERTS,
  )
  /** Time between two looks at the clock. */
  lookMs = 1
  #now = 0

  constructor() {
    const { news } = this
    this.fleet = new Fleet(
      {
        regions: [{ experts: EXPERTS, pageBytes: 1 }],
        ...{ own: [], ownBytes: 0, isSpare: false, replicas: 1, news },
        placement: [new Array<number>(EXPERTS).fill(-1)],
        log: createLogger({ level: 'error', part: 'test' }),
      },
      0,
    )
    const id = this.fleet.admit(NODE_ID, 0)
    const link = linkOf({
      send: (frame, bytes) => this.#receive(frame, bytes),
      poll: () => {
        if (this.#frames.length === 0) this.onQuiet?.()
        return this.#frames.shift()
      },
    })
    this.fleet.learn([recordOf(EXPERTS, EXPERTS)])
    this.fleet.add(remoteDomain({ id, link, table: this.fleet.directory.table }), 0)
    this.loop = new StepLoop({
      ...{ fleet: this.fleet, ownCount: 0, spinUs: 0, yield: () => {}, expect: () => {} },
      format: { dispatch: 'f32', combine: 'f32', isSummed: true },
      now: () => {
        this.#now += this.lookMs
        return this.#now
      },
    })
  }

  say(kind: typeof FRAME.gone | typeof FRAME.ready | typeof FRAME.failed, message: object): void {
    this.#frames.push(controlFrame(kind, message))
  }

  /** Refuses a dispatch. */
  refuse(header: FrameHeader): void {
    this.#frames.push(controlFrame(FRAME.failed, NOT_MAPPED, header))
  }

  /** It has all pages. */
  open(): void {
    this.say(FRAME.ready, { pages: 0, bytes: 0 })
    this.settle()
    assert.equal(this.fleet.orphans, 0)
    this.maps.splice(0)
  }

  settle(): void {
    for (let i = 0; i < 50; i++) this.loop.idle()
  }

  get kinds(): string[] {
    return this.news.changes.map(({ kind }) => kind)
  }

  #receive(frame: NativeBuffer, bytes: number): void {
    const header = readHeader(frame.view)
    const message = frame.bytes.subarray(0, bytes)
    if (header.kind === FRAME.map) {
      const { id, pages } = readControl(message, mapSchema)
      this.maps.push(pages)
      const cards = pages.map(() => 0)
      this.#frames.push(controlFrame(FRAME.mapped, { id, pages: 1, bytes: 1, cards }))
    } else if (header.kind === FRAME.dispatch) this.#compute(header, frame, bytes)
  }

  #compute(header: FrameHeader, frame: NativeBuffer, bytes: number): void {
    if (this.onDispatch?.(header) === true) return
    const write = (into: NativeBuffer): void => into.bytes.set(frame.bytes.subarray(0, bytes))
    const about = { domain: 0, bytes, replyBytes: 0, transfer: 0, write }
    this.#frames.push(answerTo(this.call, about).buffer)
  }
}

test('pages that are gone are mapped anew, and people are told', () => {
  const world = new World()
  world.open()
  const { epoch } = world.fleet.directory
  world.say(FRAME.gone, { pages: ALL.slice(1, 3) })
  world.settle()
  assert.deepEqual(world.maps.flat(), ALL.slice(1, 3))
  assert.ok(world.fleet.directory.epoch > epoch + 1)
  const told = world.kinds.filter((kind) => kind.startsWith('pages-'))
  assert.deepEqual(told.slice(-3), ['pages-gone', 'pages-lost', 'pages-recovered'])
  const { name, text } = world.news.changes.find(({ kind }) => kind === 'pages-gone') ?? {}
  assert.deepEqual([name, text], ['attic', '2 pages'])
})

test('a dispatch that is refused for pages that are gone is asked again, and nobody is lost', () => {
  const world = new World()
  world.open()
  let refused = 0
  world.onDispatch = (header) => {
    if (refused++ > 0) return false
    world.say(FRAME.gone, { pages: ALL.slice(1, 2) })
    world.refuse(header)
    return true
  }
  world.loop.compute(world.call)
  assert.deepEqual([...world.call.outputs], [...expected(world.call)])
  assert.equal(refused, 3, 'asked for the rest, and for what is back')
  assert.ok(!world.kinds.includes('lost'))
})

test('a dispatch is refused for pages that are back by now: it is asked again', () => {
  const world = new World()
  world.open()
  const [, page = { region: 0, expert: 1 }] = ALL
  let waiting: FrameHeader | undefined
  world.onDispatch = (header) => {
    if (waiting !== undefined) return false
    waiting = header
    world.say(FRAME.gone, { pages: [page] })
    return true
  }
  world.onQuiet = () => {
    const { directory } = world.fleet
    if (waiting === undefined || world.maps.length === 0 || !directory.isQuiet) return
    assert.equal(directory.holdersOf(page).length, 1)
    world.refuse(waiting)
    world.onQuiet = undefined
  }
  world.loop.compute(world.call)
  assert.deepEqual([...world.call.outputs], [...expected(world.call)])
  assert.equal(world.onQuiet, undefined)
  assert.ok(!world.kinds.includes('lost'))
})

test('a domain that refuses what it never said is gone is let go', () => {
  const world = new World()
  world.open()
  world.onDispatch = (header) => {
    world.refuse(header)
    return true
  }
  world.lookMs = 200
  assert.throws(() => world.loop.compute(world.call), { code: 'PAGES_LOST' })
  assert.ok(world.kinds.includes('lost'))
})

/** Unknown pages, of a wrong shape, too many. */
const BAD: readonly unknown[] = [
  ...[
    [],
    [{ region: 1, expert: 0 }],
    [{ region: 0, expert: EXPERTS }],
    [{ region: -1, expert: 0 }],
  ],
  ...[undefined, [{ region: 0 }], 'all'],
  new Array<PageAt>(MAP_PAGES_MAX + 1).fill({ region: 0, expert: 0 }),
]

test('a domain that says what makes no sense of pages that are gone is let go', () => {
  for (const pages of BAD) {
    const world = new World()
    world.open()
    world.say(FRAME.gone, { pages })
    world.settle()
    assert.ok(world.kinds.includes('lost'), JSON.stringify(pages))
  }
})

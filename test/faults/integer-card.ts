/**
 * A card without a device: takes pages and computes like one, exactly, with small integers, and
 * takes its time. Says what it says through `say`; knows nothing of who listens.
 */
import { defined } from '../../src/base/assert.js'
import { type ErrorCode, SputnikError, toPlain } from '../../src/base/errors.js'
import type { ExpertRecord } from '../../src/base/expert.js'
import {
  controlFrame,
  loadSchema,
  mapSchema,
  type PageAt,
  type PageSource,
  readControl,
  unmapSchema,
} from '../../src/fabric/control.js'
import { combineBytes, type Dispatch, readDispatch } from '../../src/fabric/dispatch.js'
import {
  FRAME,
  type FrameHeader,
  type FrameKind,
  HEADER_BYTES,
  PROTOCOL_VERSION,
  readHeader,
  writeHeader,
} from '../../src/fabric/frame.js'
import type { ReceivedFrame } from '../../src/fabric/link.js'
import type { NativeBuffer } from '../../src/native/memory.js'
import { takeFrame } from './frames.js'
import { columnOf, contentOf, type IntegerModel } from './integer-model.js'
import type { Sim } from './sim.js'

export type IntegerCardOptions = {
  readonly sim: Sim
  readonly model: IntegerModel
  /** Milliseconds of a dispatch, and of a pair more. */
  readonly speed: { fixedMs: number; pairMs: number }
  /** Whether it finds a page where it is said to be; left out, it does. */
  readonly isReadable?: (page: PageAt) => boolean
  /** A frame the card sends, at the moment it is there. */
  readonly say: (frame: ReceivedFrame) => void
}

const START_MS = 40
const PAGE_MS = 0.3
/** So long a test is said to take that one measurement is enough. */
const TEST_US = 40_000

export class IntegerCard {
  readonly #options: IntegerCardOptions
  /** Content of each page that is mapped, by region. */
  readonly #pages: Map<number, number>[]
  #slots: readonly number[] = []
  #busyUntilMs = 0
  #isAlive = true
  #isLoaded = false

  constructor(options: IntegerCardOptions) {
    this.#options = options
    this.#pages = options.model.regions.map(() => new Map())
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  start(): void {
    const hello = { protocol: PROTOCOL_VERSION, pid: 1, device: '' }
    this.#later(START_MS, () => this.#tell(FRAME.hello, hello))
  }

  /** Loaded already, with room for everything and these pages. */
  give(pages: readonly PageAt[]): void {
    this.#isLoaded = true
    this.#slots = this.#options.model.regions.map(({ experts }) => experts)
    for (const { region, expert } of pages) {
      this.#pages[region]?.set(expert, contentOf(region, expert))
    }
  }

  /** Without another word. */
  crash(): void {
    this.#isAlive = false
    for (const pages of this.#pages) pages.clear()
  }

  has(region: number, expert: number): boolean {
    return this.#pages[region]?.has(expert) ?? false
  }

  get pages(): number {
    return this.#pages.reduce((sum, { size }) => sum + size, 0)
  }

  /** The frame may be used again after this. */
  receive({ buffer, bytes }: ReceivedFrame): void {
    if (!this.#isAlive) return
    const header = readHeader(buffer.view)
    if (header.kind === FRAME.dispatch) {
      this.#compute(header, { buffer, bytes })
      return
    }
    const message = buffer.bytes.subarray(0, bytes)
    if (header.kind === FRAME.map) this.#map(message)
    else if (header.kind === FRAME.unmap) this.#unmap(message)
    else if (header.kind === FRAME.load) this.#load(message)
    else this.#ready()
  }

  #load(message: Uint8Array): void {
    this.#slots = readControl(message, loadSchema).regions.map(({ slots = 0 }) => slots)
    this.#isLoaded = true
    this.#ready()
  }

  #ready(): void {
    this.#later(1, () => this.#tell(FRAME.ready, { pages: this.pages, bytes: this.#bytes }))
  }

  #map(message: Uint8Array): void {
    const { id, pages, sources } = readControl(message, mapSchema)
    this.#change(id, pages.length, () => {
      for (const { region, expert } of pages) {
        if (this.has(region, expert)) return 'PAGE_MAPPED'
      }
      const isFull = this.#pages.some(({ size }, region) => {
        const more = pages.filter((page) => page.region === region).length
        return more > 0 && size + more > (this.#slots[region] ?? 0)
      })
      if (isFull) return 'CARD_FULL'
      const { isReadable } = this.#options
      if (isReadable !== undefined && !pages.every(isReadable)) return 'FILE_NOT_FOUND'
      pages.forEach(({ region, expert }, i) => {
        const content = readPage({ region, expert }, sources?.[i] ?? null)
        defined(this.#pages[region], 'a region').set(expert, content)
      })
      return undefined
    })
  }

  #unmap(message: Uint8Array): void {
    const { id, pages } = readControl(message, unmapSchema)
    this.#change(id, 0, () => {
      if (pages.some(({ region, expert }) => !this.has(region, expert))) return 'PAGE_NOT_MAPPED'
      for (const { region, expert } of pages) this.#pages[region]?.delete(expert)
      return undefined
    })
  }

  #change(id: number, pages: number, change: () => ErrorCode | undefined): void {
    this.#later(pages * PAGE_MS, () => {
      const code = this.#isLoaded ? change() : 'FRAME_INVALID'
      this.#options.sim.note('card changed', id, this.pages)
      if (code === undefined)
        this.#tell(FRAME.mapped, { id, pages: this.pages, bytes: this.#bytes })
      else this.#tell(FRAME.failed, { ...toPlain(new SputnikError(code, 'as asked')), id })
    })
  }

  get #bytes(): number {
    const { regions } = this.#options.model
    return this.#pages.reduce((sum, { size }, at) => sum + size * (regions[at]?.pageBytes ?? 0), 0)
  }

  #compute(header: FrameHeader, frame: ReceivedFrame): void {
    const { model, speed } = this.#options
    const record = defined(model.records[header.region], 'a region')
    const dispatch = readDispatch(frame.buffer, { bytes: frame.bytes, header, bounds: record })
    const ms = speed.fixedMs + dispatch.pairs * speed.pairMs
    if (!this.#hasAll(dispatch, header.region)) {
      this.#later(0, () => {
        this.#tell(FRAME.failed, toPlain(new SputnikError('PAGE_NOT_MAPPED', 'not on this card')))
      })
      return
    }
    const computeUs = Math.round(1000 * ms) + (isTest(dispatch) ? TEST_US : 0)
    const reply = answer(dispatch, { header: { ...header, computeUs }, record, pages: this.#pages })
    this.#later(ms, () => this.#options.say(reply))
  }

  #hasAll({ frame, experts, pairs }: Dispatch, region: number): boolean {
    for (let pair = 0; pair < pairs; pair++) {
      if (!this.has(region, frame.u16[experts + pair] ?? -1)) return false
    }
    return true
  }

  #tell(kind: FrameKind, message: unknown): void {
    const buffer = controlFrame(kind, message)
    this.#options.say({ buffer, bytes: buffer.bytes.length })
  }

  /** One thing after the other. */
  #later(ms: number, act: () => void): void {
    const { sim } = this.#options
    this.#busyUntilMs = Math.max(this.#busyUntilMs, sim.nowMs) + ms
    sim.after(this.#busyUntilMs - sim.nowMs, () => {
      if (this.#isAlive) act()
    })
  }
}

/** A dispatch that a domain has made up to measure the card: only those have fractions. */
function isTest({ frame, rows }: Dispatch): boolean {
  return (frame.f32[rows >> 2] ?? 0) % 1 !== 0 || (frame.f32[(rows >> 2) + 1] ?? 0) % 1 !== 0
}

/** A page of the local copy is right; elsewhere the number of its place tells what is in it. */
function readPage(
  { region, expert }: { region: number; expert: number },
  source: PageSource | null,
) {
  return source === null ? contentOf(region, expert) : source.offset
}

export type Made = {
  readonly header: FrameHeader
  readonly record: ExpertRecord
  readonly pages: readonly ReadonlyMap<number, number>[]
}

function answer(dispatch: Dispatch, { header, record, pages }: Made): ReceivedFrame {
  const { isSummed, tokens, pairs } = dispatch
  const bytes = combineBytes(isSummed ? tokens : pairs, 4 * record.nOut)
  const buffer = takeFrame(bytes)
  const payloadBytes = bytes - HEADER_BYTES
  writeHeader(buffer.view, { ...header, kind: FRAME.combine, payloadBytes, encoding: 0 })
  buffer.f32.fill(0, HEADER_BYTES >> 2, bytes >> 2)
  fillRows(buffer, dispatch, { record, contents: defined(pages[header.region], 'a region') })
  return { buffer, bytes }
}

function fillRows(
  { f32 }: NativeBuffer,
  dispatch: Dispatch,
  { record, contents }: { record: ExpertRecord; contents: ReadonlyMap<number, number> },
): void {
  const { frame, tokens, isSummed } = dispatch
  const { nEmbd: width, nOut } = record
  let pair = 0
  for (let token = 0; token < tokens; token++) {
    const end = pair + (frame.u16[dispatch.counts + token] ?? 0)
    const at = (dispatch.rows >> 2) + token * width
    for (; pair < end; pair++) {
      const expert = frame.u16[dispatch.experts + pair] ?? 0
      const made = {
        weight: frame.f32[dispatch.weights + pair] ?? 0,
        content: contents.get(expert) ?? 0,
      }
      const place = (HEADER_BYTES >> 2) + (isSummed ? token : pair) * nOut + expert
      f32[place] = (f32[place] ?? 0) + columnOf(made, { f32: frame.f32, at, expert, width })
    }
  }
}

/** A domain with cards of whole numbers, its head and its supply, all moved by hand. */
import assert from 'node:assert/strict'
import { defined } from '../../src/base/assert.js'
import type { ExpertRecord } from '../../src/base/expert.js'
import { Domain } from '../../src/domain/domain.js'
import type { CardSpec } from '../../src/domain/domain-cards.js'
import {
  controlFrame,
  type DomainStatus,
  failedSchema,
  goneSchema,
  type LoadRegion,
  type PageAt,
  readControl,
  statusSchema,
} from '../../src/fabric/control.js'
import { dispatchLayout, encodingByte, type WireFormat } from '../../src/fabric/dispatch.js'
import { encodedRowBytes, encodeRows } from '../../src/fabric/encoding.js'
import {
  FRAME,
  type FrameKind,
  HEADER_BYTES,
  readHeader,
  writeHeader,
} from '../../src/fabric/frame.js'
import { allocateNative, type NativeBuffer } from '../../src/native/memory.js'
import { copyOf, expertValue, FakeCard } from './fake-card.js'

export const N_EMBD = 32
export const N_OUT = 8
export const N_USED = 4
export const EXPERTS = 12
export const PAGE_BYTES = 100

export type Token = {
  readonly x: number
  readonly pairs: ReadonlyArray<{ readonly expert: number; readonly weight: number }>
}

export const PLAIN: WireFormat = { dispatch: 'f32', combine: 'f32', isSummed: true }

export function regionOf(layer: number): LoadRegion {
  return {
    ...{ layer, group: '', experts: EXPERTS, pages: [] },
    tensors: [
      {
        name: 'up',
        role: 'up',
        kind: 'weight',
        typeId: 0,
        shape: [8, 8],
        sliceBytes: PAGE_BYTES,
        file: 0,
        offset: 0,
      },
    ],
  }
}

export function recordOf(layer: number): ExpertRecord {
  return {
    ...{
      layer,
      group: '' as const,
      nEmbd: N_EMBD,
      nOut: N_OUT,
      nFf: 8,
      nExpert: EXPERTS,
      nUsed: N_USED,
    },
    projections: (['up', 'down'] as const).map((role) => ({
      ...{ role, hasScale: false, hasBias: false },
      precision: [0, 0] as [number, number],
    })),
    activation: [],
    weights: 'after',
  }
}

export type WorldOptions = {
  readonly cards?: number
  readonly regions?: number
  readonly spec?: Partial<CardSpec>
  /** Of single cards, besides. */
  readonly specs?: readonly Partial<CardSpec>[]
  /** Supplies nothing by itself. */
  readonly isHungry?: boolean
}

export class DomainWorld {
  readonly domain: Domain
  readonly cards: FakeCard[]
  /** What the head has got and nobody has looked at. */
  readonly toHead: NativeBuffer[] = []
  readonly wanted: PageAt[] = []
  readonly released: PageAt[] = []
  readonly rejected: PageAt[] = []
  /** Cards the domain wants started again. */
  readonly restarts: number[] = []
  readonly #options: WorldOptions
  now = 0
  badPages = 0

  constructor(options: WorldOptions = {}) {
    const { cards = 1, regions = 1, spec, specs = [] } = options
    this.#options = options
    const layers = Array.from({ length: regions }, (_, layer) => layer)
    this.cards = Array.from({ length: cards }, () => new FakeCard())
    this.domain = new Domain({
      load: { files: ['model'], regions: layers.map(regionOf) },
      cards: this.cards.map((_, card) => ({
        ...{ device: `cpu${card}`, threads: 1, tier: 'host', memoryBytes: 1e6 },
        slots: layers.map(() => EXPERTS),
        ...spec,
        ...specs[card],
      })),
      pid: 1,
      now: 0,
    })
  }

  /** Loads the cards and tells them what they compute. */
  open(): void {
    this.run()
    assert.ok(this.domain.isLoaded)
    this.domain.joined(this.now)
    const layers = Array.from({ length: this.#options.regions ?? 1 }, (_, layer) => layer)
    this.tell(FRAME.records, { records: layers.map(recordOf) })
    this.run()
    assert.deepEqual(this.kinds(), [FRAME.hello, FRAME.status, FRAME.ready])
    this.toHead.splice(0)
  }

  tell(kind: FrameKind, message: unknown): void {
    this.receive(controlFrame(kind, message))
  }

  receive(frame: NativeBuffer): void {
    this.domain.receive({ buffer: frame, bytes: frame.bytes.length }, this.now)
    this.flush()
    // Whoever gave it may use it again.
    frame.bytes.fill(0xee)
  }

  tick(ms: number): void {
    this.now += ms
    this.domain.tick(this.now)
    this.flush()
  }

  supply(): void {
    const pages = this.wanted.splice(0)
    const answers = pages.map((page) => ({
      kind: 'ready' as const,
      page: { ...page, source: null },
    }))
    this.domain.supplied(answers, { badPages: this.badPages, now: this.now })
    this.flush()
  }

  /** The domain hears the first thing a card has to say; false when that is nothing. */
  hear(card: number): boolean {
    const frame = this.cards[card]?.outbox.shift()
    if (frame === undefined) return false
    this.domain.receiveCard(card, { buffer: frame, bytes: frame.bytes.length }, this.now)
    this.flush()
    frame.bytes.fill(0xee)
    return true
  }

  kill(card: number): void {
    this.cards[card] = new FakeCard()
    this.cards[card].outbox.splice(0)
    this.domain.cardLost(card, this.now)
    this.flush()
  }

  restart(card: number): void {
    this.cards[card] = new FakeCard()
  }

  /** Until nobody has anything to do; cards that are to be started again are. */
  run(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (const card of this.restarts.splice(0)) this.restart(card)
      this.cards.forEach((card, at) => {
        while (card.work()) isBusy = true
        while (this.hear(at)) isBusy = true
      })
      if (this.wanted.length > 0 && this.#options.isHungry !== true) {
        this.supply()
        isBusy = true
      }
    }
  }

  flush(): void {
    for (const message of this.domain.takeOutbox()) {
      if (message.to === 'head') this.toHead.push(copyOf(message.frame))
      else if (message.to === 'card') this.cards[message.card]?.inbox.push(copyOf(message.frame))
      else if (message.to === 'restart') this.restarts.push(message.card)
      else if (message.to === 'want') this.wanted.push(...message.pages)
      else if (message.to === 'release') this.released.push(...message.pages)
      else this.rejected.push(...message.pages)
    }
  }

  kinds(): number[] {
    return this.toHead.map(({ view }) => readHeader(view).kind)
  }

  /** Takes what the head got of a kind. */
  take(kind: FrameKind): NativeBuffer[] {
    const taken = this.toHead.filter(({ view }) => readHeader(view).kind === kind)
    const rest = this.toHead.filter((frame) => !taken.includes(frame))
    this.toHead.splice(0, this.toHead.length, ...rest)
    return taken
  }

  /** The codes of failures, with the step of the dispatch they answer or the id of the map. */
  failures(): Array<[code: string, step: number, id: number | undefined]> {
    return this.take(FRAME.failed).map(({ bytes, view }) => {
      const { code, id } = readControl(bytes, failedSchema)
      const { step, tokens } = readHeader(view)
      return [code, tokens > 0 ? step : -1, id]
    })
  }

  /** Experts of region 0 that the head is told are gone, in order. */
  gone(): number[] {
    const pages = this.take(FRAME.gone).flatMap(({ bytes }) => readControl(bytes, goneSchema).pages)
    return pages.map(({ expert }) => expert).sort((a, b) => a - b)
  }

  lastStatus(): DomainStatus | undefined {
    const last = this.take(FRAME.status).at(-1)
    return last && readControl(last.bytes, statusSchema)
  }
}

export function dispatchOf(
  tokens: readonly Token[],
  { step = 1, region = 0, attempt = 0, format = PLAIN } = {},
): NativeBuffer {
  const pairs = tokens.flatMap((token) => token.pairs)
  const rowBytes = encodedRowBytes(format.dispatch, N_EMBD)
  const layout = dispatchLayout({ tokens: tokens.length, pairs: pairs.length, rowBytes })
  const frame = allocateNative(layout.bytes)
  writeHeader(frame.view, {
    ...{ payloadBytes: layout.bytes - HEADER_BYTES, kind: FRAME.dispatch, region, step, attempt },
    ...{ encoding: encodingByte(format), tokens: tokens.length, computeUs: 0 },
  })
  const rows = allocateNative(4 * N_EMBD * tokens.length)
  tokens.forEach(({ x, pairs: { length } }, at) => {
    frame.u16[(layout.counts >> 1) + at] = length
    rows.f32.fill(x, at * N_EMBD, (at + 1) * N_EMBD)
  })
  pairs.forEach(({ expert, weight }, at) => {
    frame.u16[(layout.experts >> 1) + at] = expert
    frame.f32[(layout.weights >> 2) + at] = weight
  })
  const source = { address: rows.address, count: tokens.length, width: N_EMBD }
  encodeRows(format.dispatch, source, frame.address + BigInt(layout.rows))
  return frame
}

/** The payload of a combine as f32, which it must be. */
export function rowsOf(frame: NativeBuffer): number[] {
  return [...frame.f32.subarray(HEADER_BYTES / 4)]
}

/** What the head should get, computed apart. */
export function expected(tokens: readonly Token[], { region = 0, isSummed = true } = {}): number[] {
  return tokens.flatMap(({ x, pairs }) => {
    const rows = pairs.map(({ expert, weight }) =>
      Array.from({ length: N_OUT }, (_, i) => weight * (expertValue(x, { region, expert }) + i)),
    )
    if (!isSummed) return rows.flat()
    return Array.from({ length: N_OUT }, (_, i) =>
      rows.reduce((sum, row) => sum + defined(row[i], 'a number'), 0),
    )
  })
}

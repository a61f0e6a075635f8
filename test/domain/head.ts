/** A head in the test's own process, and a domain with real cards that serves it. */
import assert from 'node:assert/strict'
import { defined } from '../../src/base/assert.js'
import type { ExpertRecord } from '../../src/base/expert.js'
import { lendMemory, withSlots } from '../../src/domain/card-memory.js'
import { Cards } from '../../src/domain/cards.js'
import { Domain } from '../../src/domain/domain.js'
import { tableRegions } from '../../src/domain/domain-cards.js'
import { DomainLoop } from '../../src/domain/domain-loop.js'
import { Loan } from '../../src/domain/loan.js'
import { controlFrame, type Load, type PageAt } from '../../src/fabric/control.js'
import { encodingByte, type WireFormat } from '../../src/fabric/dispatch.js'
import {
  FRAME,
  type FrameKind,
  HEADER_BYTES,
  readHeader,
  writeHeader,
} from '../../src/fabric/frame.js'
import type { Link, ReceivedFrame } from '../../src/fabric/link.js'
import { loadLibraries } from '../../src/native/library.js'
import { allocateNative, type NativeBuffer } from '../../src/native/memory.js'
import { localSockets } from '../../src/native/sockets.js'
import { dispatchFrame, loadOf, recordOf, type Token } from '../card/support.js'
import { testModel } from '../support/models.js'
import { copyOf } from './fake-card.js'
import { LocalSupply } from './local-supply.js'

const DEADLINE_MS = 120_000
/** Short, since a condition may hold at any time. */
const TURN_MS = 2
const TENSORS = ['gate', 'up', 'down'].flatMap((role) => [`${role}.weight`, `${role}.scale`])

class HeadLink implements Link {
  readonly toDomain: NativeBuffer[] = []
  readonly got: NativeBuffer[] = []
  readonly waits = { fd: -1, isWriting: false, doze: () => true, wake: () => {} }
  bytesSent = 0
  bytesReceived = 0
  /** Takes nothing any more. */
  isBroken = false
  isClosed = false

  frame(bytes: number): NativeBuffer {
    return allocateNative(bytes)
  }

  send(buffer: NativeBuffer, bytes: number): boolean {
    this.got.push(copyOf({ buffer, bytes }))
    return !this.isBroken
  }

  poll(): ReceivedFrame | undefined {
    const buffer = this.toDomain.shift()
    return buffer && { buffer, bytes: buffer.bytes.length }
  }

  receive(): ReceivedFrame | undefined {
    return this.poll()
  }

  close(): void {
    this.isClosed = true
  }
}

export type DomainHead = {
  readonly link: HeadLink
  readonly domain: Domain
  readonly cards: Cards
  readonly load: Load
  readonly record: ExpertRecord
  tell(kind: FrameKind, message: unknown): void
  /** Sends what a step asks for, without waiting. */
  ask(tokens: readonly Token[], format: WireFormat): void
  /** Serves until `isDone`. */
  serveUntil(isDone: () => boolean): void
  /** Serves until so many frames of a kind have come, and takes them. */
  take(kind: FrameKind, count?: number): NativeBuffer[]
  /** The payload of the answer to a step. */
  compute(tokens: readonly Token[], format: WireFormat): Uint8Array
  close(): void
}

export function openDomainHead(
  devices: readonly string[],
  { isInline, type = 'f32' }: { isInline?: boolean; type?: 'f32' | 'q4_0' } = {},
): DomainHead {
  loadLibraries('cpu')
  const now = (): number => performance.now()
  const load = loadOf(testModel('qwen3moe', type === 'f32' ? {} : { type }), {
    tensors: TENSORS,
    pages: [],
  })
  const activation = [{ op: 'glu', fn: 'SWIGLU', gate: 0, up: 1, alpha: 0, limit: 0 }] as const
  const record = recordOf(load, { activation, weights: 'after' })
  const cards = new Cards({
    ...{ devices, backend: 'cpu', threads: 1, spinUs: 200, now },
    ...(isInline !== undefined && { isInline }),
  })
  const regions = tableRegions(load)
  const specs = lendMemory(cards.find(), 100 << 20).map((card) => withSlots(card, regions))
  const domain = new Domain({ load, cards: specs, pid: process.pid, now: now() })
  const loop = new DomainLoop({ now, spinUs: 200, yield: localSockets().yield })
  let isLoaded = false
  const loan = new Loan({
    ...{ domain, cards, supply: new LocalSupply(), now, isLeaving: () => false },
    onLoaded: () => {
      isLoaded = true
    },
    onOver: () => loop.remove(loan),
    onTick: () => {},
  })
  loop.add(loan)
  const runUntil = (condition: () => boolean): void => {
    const deadline = now() + DEADLINE_MS
    while (!condition() && !loop.isEmpty && now() < deadline) loop.run(now() + TURN_MS)
  }
  runUntil(() => isLoaded)
  if (!isLoaded) {
    cards.close()
    throw defined(loan.failure, 'why no card is loaded')
  }
  const link = new HeadLink()
  loan.serve(link)
  const ofKind = (kind: FrameKind): NativeBuffer[] =>
    link.got.filter(({ view }) => readHeader(view).kind === kind)
  const serveUntil = (condition: () => boolean): void => {
    runUntil(condition)
    assert.ok(condition(), 'the domain does not answer')
  }
  const take = (kind: FrameKind, count = 1): NativeBuffer[] => {
    serveUntil(() => ofKind(kind).length >= count || ofKind(FRAME.failed).length > 0)
    const taken = ofKind(kind)
    link.got.splice(0)
    return taken
  }
  let step = 0
  const ask = (tokens: readonly Token[], format: WireFormat): void => {
    const frame = dispatchFrame(record, { tokens, encoding: format.dispatch })
    writeHeader(frame.view, {
      ...{ payloadBytes: frame.bytes.length - HEADER_BYTES, kind: FRAME.dispatch, region: 0 },
      ...{ encoding: encodingByte(format), step: ++step, attempt: 0 },
      ...{ tokens: tokens.length, computeUs: 0 },
    })
    link.toDomain.push(frame)
  }
  return {
    ...{ link, domain, cards, load, record, take, serveUntil, ask },
    tell: (kind, message) => void link.toDomain.push(controlFrame(kind, message)),
    compute: (tokens, format) => {
      ask(tokens, format)
      const [answer] = take(FRAME.combine)
      return defined(answer, 'an answer').bytes.slice(HEADER_BYTES)
    },
    close: () => cards.close(),
  }
}

export const ALL: readonly PageAt[] = Array.from({ length: 8 }, (_, expert) => ({
  region: 0,
  expert,
}))

/** All pages of the region are there. */
export function openServing(...options: Parameters<typeof openDomainHead>): DomainHead {
  const head = openDomainHead(...options)
  head.tell(FRAME.records, { records: [head.record] })
  head.take(FRAME.ready)
  head.tell(FRAME.map, { id: 1, pages: ALL })
  head.take(FRAME.mapped)
  return head
}

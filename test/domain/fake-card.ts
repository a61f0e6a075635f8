/**
 * A card whose experts compute with small whole numbers, so that sums are exact in any order. Keeps
 * what it is sent until it is told to work on the next frame.
 */
import assert from 'node:assert/strict'
import { defined } from '../../src/base/assert.js'
import { SputnikError, toPlain } from '../../src/base/errors.js'
import type { ExpertRecord } from '../../src/base/expert.js'
import {
  controlFrame,
  type Load,
  loadSchema,
  mapSchema,
  type PageAt,
  readControl,
  recordsSchema,
  unmapSchema,
} from '../../src/fabric/control.js'
import { combineBytes, type Dispatch, readDispatch } from '../../src/fabric/dispatch.js'
import { decodeRows, encodedRowBytes, encodeRows, encodingId } from '../../src/fabric/encoding.js'
import {
  FRAME,
  type FrameKind,
  HEADER_BYTES,
  PROTOCOL_VERSION,
  readHeader,
  writeHeader,
} from '../../src/fabric/frame.js'
import type { ReceivedFrame } from '../../src/fabric/link.js'
import { allocateNative, type NativeBuffer, nativeViews } from '../../src/native/memory.js'

/** A frame of its own, as a link would carry it. */
export function copyOf({ buffer, bytes }: ReceivedFrame): NativeBuffer {
  const copy = nativeViews(new Uint8Array(new ArrayBuffer(bytes)))
  copy.bytes.set(buffer.bytes.subarray(0, bytes))
  return copy
}

/** What expert `expert` of a region makes of a number. */
export function expertValue(x: number, { region, expert }: PageAt): number {
  return (x + region) * (expert + 1)
}

export class FakeCard {
  /** What it was sent and has not looked at. */
  readonly inbox: NativeBuffer[] = []
  /** What it says. */
  readonly outbox: NativeBuffer[] = []
  readonly held = new Set<string>()
  /** Pages whose files are gone. */
  readonly unreadable = new Set<string>()
  load: Load | undefined
  dispatches = 0
  #records: readonly ExpertRecord[] = []
  #frame = allocateNative(64)

  constructor() {
    this.#say(FRAME.hello, { protocol: PROTOCOL_VERSION, pid: 1, device: '' })
  }

  /** Works on the frame that came first; false when there is none. */
  work(): boolean {
    const frame = this.inbox.shift()
    if (frame === undefined) return false
    const { kind } = readHeader(frame.view)
    if (kind === FRAME.dispatch) this.#compute(frame)
    else if (kind === FRAME.load) {
      this.load = readControl(frame.bytes, loadSchema)
      this.#say(FRAME.ready, { pages: 0, bytes: 0 })
    } else if (kind === FRAME.records) {
      this.#records = readControl(frame.bytes, recordsSchema).records
      this.#say(FRAME.ready, { pages: 0, bytes: 0 })
    } else if (kind === FRAME.map) this.#change(readControl(frame.bytes, mapSchema), 'add')
    else this.#change(readControl(frame.bytes, unmapSchema), 'delete')
    return true
  }

  #change({ id, pages }: { id: number; pages: readonly PageAt[] }, how: 'add' | 'delete'): void {
    const names = pages.map(({ region, expert }) => `${region} ${expert}`)
    if (how === 'add' && names.some((name) => this.unreadable.has(name))) {
      const error = toPlain(new SputnikError('FILE_NOT_FOUND', 'the file is gone'))
      this.#say(FRAME.failed, { ...error, id })
      return
    }
    for (const name of names) this.held[how](name)
    this.#say(FRAME.mapped, { id, pages: this.held.size, bytes: this.held.size })
  }

  #compute(frame: NativeBuffer): void {
    this.dispatches++
    const header = readHeader(frame.view)
    const bounds = defined(this.#records[header.region], 'what the region computes')
    const dispatch = readDispatch(frame, { bytes: frame.bytes.length, header, bounds })
    const rows = this.#rowsOf(dispatch, header.region, bounds)
    const { replyEncoding, isSummed } = dispatch
    const count = isSummed ? dispatch.tokens : dispatch.pairs
    const bytes = combineBytes(count, encodedRowBytes(replyEncoding, bounds.nOut))
    const reply = nativeViews(new Uint8Array(new ArrayBuffer(bytes)))
    encodeRows(
      replyEncoding,
      { address: rows.address, count, width: bounds.nOut },
      reply.address + BigInt(HEADER_BYTES),
    )
    writeHeader(reply.view, {
      ...header,
      kind: FRAME.combine,
      payloadBytes: bytes - HEADER_BYTES,
      encoding: encodingId(replyEncoding),
      computeUs: 100 * dispatch.pairs,
    })
    this.outbox.push(reply)
  }

  /** A row per token or per pair, all of one number, which is that of the token's row. */
  #rowsOf(dispatch: Dispatch, region: number, { nEmbd, nOut }: ExpertRecord): NativeBuffer {
    const { frame, tokens, pairs, encoding, isSummed } = dispatch
    const input = allocateNative(4 * tokens * nEmbd)
    const source = frame.address + BigInt(dispatch.rows)
    decodeRows(encoding, source, { address: input.address, count: tokens, width: nEmbd })
    const rows = allocateNative(4 * (isSummed ? tokens : pairs) * nOut)
    let pair = 0
    for (let token = 0; token < tokens; token++) {
      const end = pair + (frame.u16[dispatch.counts + token] ?? 0)
      for (; pair < end; pair++) {
        const expert = frame.u16[dispatch.experts + pair] ?? 0
        assert.ok(this.held.has(`${region} ${expert}`), 'a card is asked for what it does not have')
        const weight = frame.f32[dispatch.weights + pair] ?? 0
        const x = input.f32[token * nEmbd] ?? 0
        const row = (isSummed ? token : pair) * nOut
        for (let i = 0; i < nOut; i++) {
          const value = weight * (expertValue(x, { region, expert }) + i)
          rows.f32[row + i] = (rows.f32[row + i] ?? 0) + value
        }
      }
    }
    return rows
  }

  #say(kind: FrameKind, message: unknown): void {
    this.#frame = controlFrame(kind, message)
    this.outbox.push(this.#frame)
  }
}

/**
 * A card: one ggml device with its pages. Answers frames one after the other and works on pages in
 * between; knows nothing of the head's reasons and of other cards. `runCard` lets it serve a link.
 */
import { defined } from '../base/assert.js'
import { SputnikError, toPlain } from '../base/errors.js'
import { regionKey } from '../base/expert.js'
import {
  type About,
  controlFrame,
  type Load,
  loadSchema,
  mapSchema,
  readControl,
  recordsSchema,
  unmapSchema,
} from '../fabric/control.js'
import { combineBytes, readDispatch } from '../fabric/dispatch.js'
import { encodedRowBytes, encodingId } from '../fabric/encoding.js'
import {
  FRAME,
  type FrameKind,
  HEADER_BYTES,
  PROTOCOL_VERSION,
  readHeader,
  writeHeader,
} from '../fabric/frame.js'
import { bytesOf, type Link, type ReceivedFrame } from '../fabric/link.js'
import { DEVICE_TYPE, ggml } from '../native/ggml.js'
import type { Pointer } from '../native/memory.js'
import { createThreadpool, useThreadpool } from '../native/threadpool.js'
import { findDevice } from './device.js'
import { Kernel } from './kernel.js'
import { PageStore } from './page-store.js'
import { type PageTask, PageWork } from './page-work.js'
import { KernelDevice } from './placed-graph.js'

/** Where a card puts its answers. */
export type CardOutlet = Pick<Link, 'frame' | 'send'>

/** What a card says of itself at first. */
export type CardHello = { readonly device: string; readonly freeBytes?: number }

export class Card {
  readonly #outlet: CardOutlet
  readonly #now: () => number
  #load: Load | undefined
  #store: PageStore | undefined
  #device: KernelDevice | undefined
  /** By region; none for experts that no graph of the model uses. */
  #kernels: Array<Kernel | undefined> = []
  readonly #work: PageWork
  /** Whether the head still takes what it is sent. */
  #isHeard = true

  /** `now`: monotonic milliseconds. */
  constructor(outlet: CardOutlet, now: () => number) {
    this.#outlet = outlet
    this.#now = now
    this.#work = new PageWork(now)
  }

  /** False when nobody hears it. */
  start(hello: CardHello): boolean {
    this.#send(FRAME.hello, { protocol: PROTOCOL_VERSION, pid: process.pid, ...hello })
    return this.#isHeard
  }

  /** False when the card can no longer be used, or nobody takes its answers. */
  receive(frame: ReceivedFrame): boolean {
    try {
      this.#handle(frame)
    } catch (error) {
      const header = readHeader(frame.buffer.view)
      this.#send(FRAME.failed, toPlain(error), header.kind === FRAME.dispatch ? header : undefined)
      if (!(error instanceof SputnikError)) return false
    }
    return this.#isHeard
  }

  /** How long nothing is to be done unless a frame comes; without end when no page waits. */
  get restMs(): number {
    return this.#work.isEmpty ? Infinity : this.#work.restMs
  }

  /** Works on a page when one is due. False when the card can no longer be used. */
  work(): boolean {
    return !this.#work.isDue || (this.#workOnPage() && this.#isHeard)
  }

  #handle(frame: ReceivedFrame): void {
    const { kind } = readHeader(frame.buffer.view)
    const bytes = bytesOf(frame)
    if (kind === FRAME.dispatch) this.#compute(frame)
    else if (kind === FRAME.load) this.#loadPages(readControl(bytes, loadSchema))
    else if (kind === FRAME.records) this.#learn(bytes)
    else if (kind === FRAME.map) {
      const map = readControl(bytes, mapSchema)
      this.#enqueue(map.id, (store) => store.map(map))
    } else if (kind === FRAME.unmap) {
      const unmap = readControl(bytes, unmapSchema)
      this.#enqueue(unmap.id, (store) => store.unmap(unmap))
    } else throw new SputnikError('FRAME_INVALID', `a card does not expect frames of kind ${kind}`)
  }

  #enqueue(id: number, begin: (store: PageStore) => PageTask['steps']): void {
    try {
      if (this.#store === undefined) {
        throw new SputnikError('FRAME_INVALID', 'a card takes no pages before it knows its regions')
      }
      this.#work.add({ id, steps: begin(this.#store) })
    } catch (error) {
      this.#send(FRAME.failed, { ...toPlain(error), id })
    }
  }

  /** False when the card can no longer be used. */
  #workOnPage(): boolean {
    const finished = this.#work.step()
    if (finished === undefined) return true
    const { id, error } = finished
    if (error === undefined) {
      const { pages, bytes } = defined(this.#store, 'pages')
      this.#send(FRAME.mapped, { id, pages, bytes })
      return true
    }
    this.#send(FRAME.failed, { ...toPlain(error), id })
    return error instanceof SputnikError
  }

  #loadPages(load: Load): void {
    const device = findDevice(load.device)
    this.#device = openDevice(device, load.threads)
    const onProgress = (pages: number, bytes: number) =>
      this.#send(FRAME.progress, { pages, bytes })
    this.#store = new PageStore(load, { device, onProgress })
    this.#load = load
    this.#send(FRAME.ready, { pages: this.#store.pages, bytes: this.#store.bytes })
  }

  #learn(bytes: Uint8Array): void {
    const { records } = readControl(bytes, recordsSchema)
    const store = defined(this.#store, 'pages before records')
    const device = defined(this.#device, 'device before records')
    const regions = defined(this.#load, 'load before records').regions
    this.#kernels = regions.map((region, index) => {
      const record = records.find((candidate) => regionKey(candidate) === regionKey(region))
      const pages = defined(store.regions[index], 'pages of a region')
      return record === undefined ? undefined : new Kernel(record, { pages, device })
    })
    this.#send(FRAME.ready, { pages: store.pages, bytes: store.bytes })
  }

  #compute(frame: ReceivedFrame): void {
    const started = this.#now()
    const header = readHeader(frame.buffer.view)
    const kernel = this.#kernels[header.region]
    if (kernel === undefined) {
      throw new SputnikError('FRAME_INVALID', `region ${header.region} is not on this card`)
    }
    const { buffer } = frame
    const dispatch = readDispatch(buffer, { bytes: frame.bytes, header, bounds: kernel.record })
    const rowBytes = encodedRowBytes(dispatch.replyEncoding, kernel.record.nOut)
    const rows = dispatch.isSummed ? dispatch.tokens : dispatch.pairs
    const bytes = combineBytes(rows, rowBytes)
    const reply = this.#outlet.frame(bytes)
    kernel.compute(dispatch, reply.address + BigInt(HEADER_BYTES))
    writeHeader(reply.view, {
      ...header,
      kind: FRAME.combine,
      payloadBytes: bytes - HEADER_BYTES,
      encoding: encodingId(dispatch.replyEncoding),
      computeUs: Math.min(0xffff_ffff, Math.round(1000 * (this.#now() - started))),
    })
    this.#isHeard = this.#outlet.send(reply, bytes)
    this.#work.noteDispatch()
  }

  #send(kind: FrameKind, message: unknown, about?: About): void {
    const frame = controlFrame(kind, message, about)
    this.#isHeard = this.#outlet.send(frame, frame.bytes.length)
  }
}

/** Serves a link until its other end is gone, however long that says nothing. */
export function runCard(link: Link, { now, hello }: { now: () => number; hello: CardHello }): void {
  const card = new Card(link, now)
  let isUsable = card.start(hello)
  while (isUsable) {
    const { restMs } = card
    const frame = link.receive(restMs)
    if (frame === undefined && restMs === Infinity) return
    // Also works after a frame, or a head that never pauses would get no page moved.
    isUsable = (frame === undefined || card.receive(frame)) && card.work()
  }
}

function openDevice(device: Pointer, threads: number): KernelDevice {
  const api = ggml()
  const backend = api.deviceInit(device, null)
  if (backend === null) throw new SputnikError('NATIVE_FAILED', 'the device cannot be opened')
  if (api.deviceType(device) === DEVICE_TYPE.cpu) {
    useThreadpool(backend, { pool: createThreadpool(threads), threads })
  }
  return new KernelDevice(backend, api.deviceBufferType(device))
}

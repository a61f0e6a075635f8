/**
 * A card: one ggml device with its pages. Answers the frames of a link one after the other and
 * takes pages in between them; knows nothing of the head's reasons and of other cards.
 */
import { defined } from '../base/assert.js'
import { SputnikError, toPlain } from '../base/errors.js'
import { regionKey } from '../base/expert.js'
import {
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
import { FRAME, HEADER_BYTES, PROTOCOL_VERSION, readHeader, writeHeader } from '../fabric/frame.js'
import type { Link, ReceivedFrame } from '../fabric/link.js'
import { DEVICE_TYPE, ggml } from '../native/ggml.js'
import type { Pointer } from '../native/memory.js'
import { createThreadpool, useThreadpool } from '../native/threadpool.js'
import { Kernel } from './kernel.js'
import { PageStore } from './page-store.js'
import { type PageTask, PageWork } from './page-work.js'
import { KernelDevice } from './placed-graph.js'

/** A card waits for an idle head as long as it lives: the link ends when the head does. */
const IDLE_MS = Infinity

export class Card {
  readonly #link: Link
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
  constructor(link: Link, now: () => number) {
    this.#link = link
    this.#now = now
    this.#work = new PageWork(now)
  }

  /** Serves the link until its other end is gone. */
  run(): void {
    this.#send(FRAME.hello, { protocol: PROTOCOL_VERSION, pid: process.pid, device: '' })
    while (this.#isHeard) {
      const { isEmpty, restMs } = this.#work
      const frame = this.#link.receive(isEmpty ? IDLE_MS : restMs)
      if (frame === undefined && isEmpty) return
      if (frame !== undefined && !this.#answer(frame)) return
      // Also after a frame, or a head that never pauses would get no page moved.
      if (this.#work.isDue && !this.#workOnPage()) return
    }
  }

  /** False when the card can no longer be used. */
  #answer(frame: ReceivedFrame): boolean {
    try {
      this.#handle(frame)
      return true
    } catch (error) {
      this.#send(FRAME.failed, toPlain(error))
      return error instanceof SputnikError
    }
  }

  #handle(frame: ReceivedFrame): void {
    const { kind } = readHeader(frame.buffer.view)
    const bytes = frame.buffer.bytes.subarray(0, frame.bytes)
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
    const reply = this.#link.frame(bytes)
    kernel.compute(dispatch, reply.address + BigInt(HEADER_BYTES))
    writeHeader(reply.view, {
      ...header,
      kind: FRAME.combine,
      payloadBytes: bytes - HEADER_BYTES,
      encoding: encodingId(dispatch.replyEncoding),
      computeUs: Math.min(0xffff_ffff, Math.round(1000 * (this.#now() - started))),
    })
    this.#isHeard = this.#link.send(reply, bytes)
    this.#work.noteDispatch()
  }

  #send(kind: (typeof FRAME)[keyof typeof FRAME], message: unknown): void {
    const frame = controlFrame(kind, message)
    this.#isHeard = this.#link.send(frame, frame.bytes.length)
  }
}

/** @throws SputnikError USAGE */
function findDevice(name: string): Pointer {
  const api = ggml()
  const device =
    name === 'cpu' ? api.deviceByType(DEVICE_TYPE.cpu) : api.deviceByName(name.toUpperCase())
  if (device !== null) return device
  const names = Array.from({ length: Number(api.deviceCount()) }, (_, index) =>
    api.deviceName(api.device(index)).toLowerCase(),
  )
  throw new SputnikError('USAGE', `no device ${name}; there are: ${names.join(', ')}`)
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

/**
 * One connection over which pages are served: takes requests, reads what they ask for a few at a
 * time, and sends no more than the other end takes. Knows nothing of where pages lie and of who may
 * ask.
 */
import type { Duplex } from 'node:stream'
import { reasonOf, SputnikError } from '../base/errors.js'
import type { PageAt } from './control.js'
import { frameHeader } from './frame.js'
import { encodeHeader, type FrameStream } from './frame-stream.js'
import {
  decodeRequest,
  encodePeers,
  encodeRefusal,
  PAGE_FRAME,
  type PagePeer,
  type PagePlace,
  type PageRequest,
  type Range,
  REQUEST_BYTES_MAX,
  REQUESTS_MAX,
} from './page-messages.js'
import type { PagePace } from './page-pace.js'

/** What is served. */
export type PageShelf = {
  /** Encoded; empty at nodes other than the head. */
  readonly manifest: Uint8Array
  /** Of a page that is here; undefined for others. */
  pageBytes(page: PageAt): number | undefined
  /** A range within a page that is here. */
  read(page: PageAt, range: Range): Promise<Uint8Array>
  /** A bit for each page that is here. */
  holdings(): Uint8Array
}

export type PageServingOptions = {
  readonly socket: Duplex
  /** May hold requests already that came with the last of the handshake. */
  readonly frames: FrameStream
  readonly shelf: PageShelf
  readonly pace: PagePace
  /** Who else has pages, for this node. */
  readonly peers: () => readonly PagePeer[]
  readonly onAnnounce: (place: PagePlace) => void
  /** Monotonic clock in milliseconds. */
  readonly now: () => number
  /** Once, with the reason a person would want to read. */
  readonly onEnd: (reason: string) => void
}

/** Requests that are read at a time; more of them would only wait for the socket. */
const READING_MAX = 4
/** A peer that takes nothing for so long is gone. */
const STALL_MS = 20_000
/** One that asks for nothing connects again when it wants something. */
const IDLE_MS = 120_000
const LOOK_MS = 1000

export class PageServing {
  readonly #options: PageServingOptions
  readonly #queue: PageRequest[] = []
  #timer: NodeJS.Timeout | undefined
  #reading = 0
  #isEnded = false
  /** Bytes that were taken of the pace: read, or being read, and not yet sent. */
  #held = 0
  #askedAt: number
  /** When the other end last took something, or had nothing to take. */
  #movedAt: number
  bytesSent = 0

  constructor(options: PageServingOptions) {
    this.#options = options
    this.#askedAt = options.now()
    this.#movedAt = options.now()
  }

  start(): void {
    const { socket, frames } = this.#options
    frames.allow(REQUEST_BYTES_MAX)
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('drain', () => this.#turn())
    socket.on('error', (error) => this.end(error.message))
    socket.on('close', () => this.end('the connection was closed'))
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#receive(new Uint8Array(0))
    if (!this.#isEnded) socket.resume()
  }

  /** The connection is over; also called when it ends by itself. */
  end(reason: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearInterval(this.#timer)
    this.#options.pace.done(this.#held)
    this.#options.socket.destroy()
    this.#options.onEnd(reason)
  }

  #receive(chunk: Uint8Array): void {
    const { frames, now } = this.#options
    try {
      for (const frame of frames.push(chunk)) {
        this.#askedAt = now()
        this.#accept(decodeRequest(frame))
      }
    } catch (error) {
      this.end(reasonOf(error))
    }
  }

  #accept(request: PageRequest): void {
    if (this.#queue.length + this.#reading >= REQUESTS_MAX) {
      throw new SputnikError('FRAME_INVALID', 'the other end asks for more than it may')
    }
    this.#queue.push(request)
    this.#turn()
  }

  /** Reads on while the socket takes it. */
  #turn(): void {
    const { socket, now } = this.#options
    if (!socket.writableNeedDrain) this.#movedAt = now()
    while (this.#reading < READING_MAX && !this.#isEnded && !socket.writableNeedDrain) {
      const request = this.#queue.shift()
      if (request === undefined) return
      this.#reading++
      void this.#answer(request).finally(() => {
        this.#reading--
        this.#turn()
      })
    }
  }

  async #answer(request: PageRequest): Promise<void> {
    const { pace } = this.#options
    const held = 'range' in request ? request.range.length : 0
    await pace.take(held)
    if (this.#isEnded) {
      pace.done(held)
      return
    }
    this.#held += held
    try {
      const bytes = await this.#bytesFor(request)
      this.#send(request.id, bytes, () => this.#giveBack(held))
    } catch (error) {
      this.#giveBack(held)
      this.#refuse(request.id, reasonOf(error))
    }
  }

  /** What a connection still holds when it ends is given back then. */
  #giveBack(bytes: number): void {
    if (this.#isEnded) return
    this.#held -= bytes
    this.#options.pace.done(bytes)
  }

  async #bytesFor(request: PageRequest): Promise<Uint8Array> {
    const { shelf, peers, onAnnounce } = this.#options
    switch (request.kind) {
      case 'manifest':
        return rangeOf(shelf.manifest, request.range)
      case 'page':
        checkWithin(request.range, shelf.pageBytes(request.page))
        return shelf.read(request.page, request.range)
      case 'peers':
        return encodePeers(peers())
      case 'holdings':
        return shelf.holdings()
      case 'announce':
        onAnnounce(request.place)
        return new Uint8Array(0)
    }
  }

  /** `done` is called when the bytes have left. */
  #send(id: number, bytes: Uint8Array, done: () => void): void {
    const { socket } = this.#options
    if (this.#isEnded) return
    const header = frameHeader(PAGE_FRAME.bytes, { payloadBytes: bytes.length, step: id })
    socket.cork()
    socket.write(encodeHeader(header))
    socket.write(bytes, () => {
      this.#movedAt = this.#options.now()
      done()
    })
    socket.uncork()
    this.bytesSent += bytes.length
  }

  #refuse(id: number, reason: string): void {
    if (!this.#isEnded) this.#options.socket.write(encodeRefusal(id, reason))
  }

  #look(): void {
    const { socket, now } = this.#options
    const isStalled = socket.writableNeedDrain && now() - this.#movedAt > STALL_MS
    if (isStalled) this.end('the other end takes nothing any more')
    else if (now() - this.#askedAt > IDLE_MS) this.end('nothing was asked for')
  }
}

/** @throws SputnikError PAGE_UNAVAILABLE */
function checkWithin({ offset, length }: Range, bytes: number | undefined): void {
  if (bytes === undefined) throw new SputnikError('PAGE_UNAVAILABLE', 'the page is not here')
  if (offset + length <= bytes) return
  throw new SputnikError('PAGE_UNAVAILABLE', `the page has ${bytes} bytes only`)
}

function rangeOf(bytes: Uint8Array, range: Range): Uint8Array {
  checkWithin(range, bytes.length)
  return bytes.subarray(range.offset, range.offset + range.length)
}

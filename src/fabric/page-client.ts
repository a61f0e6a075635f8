/**
 * The end of a pages connection that wants pages: numbers requests and gives each its answer. A few
 * are under way at a time, the others wait here. Knows nothing of whether bytes are right.
 */
import type { Socket } from 'node:net'
import { reasonOf, SputnikError } from '../base/errors.js'
import type { PageAt } from './control.js'
import type { Frame, FrameStream } from './frame-stream.js'
import { openPagesOver } from './handshake-io.js'
import type { PagesWelcome } from './handshake-messages.js'
import {
  ANSWER_BYTES_MAX,
  decodePeers,
  decodeRefusal,
  encodeRequest,
  PAGE_FRAME,
  type PagePeer,
  type PagePlace,
  type PageRequest,
  type Range,
  REQUESTS_MAX,
} from './page-messages.js'
import { type ConnectOptions, connectSecure } from './secure-socket.js'

export type PageClientOptions = ConnectOptions & {
  readonly modelHash: string
  /** An end that owes answers and sends nothing for so long is gone. */
  readonly stallMs?: number
  /** Once, with the reason a person would want to read. */
  readonly onEnd: (reason: string) => void
}

/** What a request is without its number. */
type Wanted = PageRequest extends infer R ? (R extends PageRequest ? Omit<R, 'id'> : never) : never

type Asked = {
  readonly wanted: Wanted
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

/** Half of what the other end bears. */
const UNDER_WAY_MAX = REQUESTS_MAX / 2
const STALL_MS = 6000
const LOOK_MS = 500
const MANIFEST_RANGE_BYTES = 256 << 10

export class PageClient {
  readonly welcome: PagesWelcome
  readonly #socket: Socket
  readonly #frames: FrameStream
  readonly #onEnd: (reason: string) => void
  readonly #stallMs: number
  readonly #waiting: Asked[] = []
  readonly #underWay = new Map<number, Asked>()
  readonly #timer: NodeJS.Timeout
  #lastId = 0
  #heardAt = performance.now()
  #isOpen = true

  private constructor(
    socket: Socket,
    parts: Pick<PageClientOptions, 'onEnd' | 'stallMs'> & {
      frames: FrameStream
      welcome: PagesWelcome
    },
  ) {
    this.welcome = parts.welcome
    this.#socket = socket
    this.#frames = parts.frames
    this.#onEnd = parts.onEnd
    this.#stallMs = parts.stallMs ?? STALL_MS
    this.#frames.allow(ANSWER_BYTES_MAX)
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('error', (error) => this.end(error.message))
    socket.on('close', () => this.end('the connection was closed'))
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    socket.resume()
  }

  /** @throws SputnikError of `connectSecure`, or why the other end refused */
  static async open(settings: PageClientOptions): Promise<PageClient> {
    const { modelHash, onEnd, stallMs, ...options } = settings
    const connection = await connectSecure(options)
    const pages = { nodeId: options.identity.nodeId, modelHash }
    const { timeoutMs } = options
    const { result, frames } = await openPagesOver(connection, { pages, timeoutMs })
    return new PageClient(connection.socket, {
      ...{ frames, welcome: result, onEnd },
      ...(stallMs !== undefined && { stallMs }),
    })
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Of this end, by which the other end may reach it too. */
  get localAddress(): string {
    return this.#socket.localAddress ?? ''
  }

  /** Requests without an answer. */
  get load(): number {
    return this.#underWay.size + this.#waiting.length
  }

  /** All of these throw SputnikError PEER_UNREACHABLE, or SOURCE_FAILED when refused. */
  page(page: PageAt, range: Range): Promise<Uint8Array> {
    return this.#ask({ kind: 'page', page, range })
  }

  /** Encoded and not checked; empty where none is served. */
  async manifest(): Promise<Uint8Array> {
    const { manifestBytes } = this.welcome
    const count = Math.ceil(manifestBytes / MANIFEST_RANGE_BYTES)
    const parts = Array.from({ length: count }, (_, index) => {
      const offset = index * MANIFEST_RANGE_BYTES
      const length = Math.min(MANIFEST_RANGE_BYTES, manifestBytes - offset)
      return this.#ask({ kind: 'manifest', range: { offset, length } })
    })
    return Buffer.concat(await Promise.all(parts))
  }

  async peers(): Promise<readonly PagePeer[]> {
    return decodePeers(await this.#ask({ kind: 'peers' }))
  }

  holdings(): Promise<Uint8Array> {
    return this.#ask({ kind: 'holdings' })
  }

  async announce(place: PagePlace): Promise<void> {
    await this.#ask({ kind: 'announce', place })
  }

  end(reason: string): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    clearInterval(this.#timer)
    this.#socket.destroy()
    for (const { reject } of [...this.#underWay.values(), ...this.#waiting]) reject(gone(reason))
    this.#underWay.clear()
    this.#waiting.length = 0
    this.#onEnd(reason)
  }

  #ask(wanted: Wanted): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen) {
        reject(gone('the connection is closed'))
        return
      }
      this.#waiting.push({ wanted, resolve, reject })
      this.#sendWaiting()
    })
  }

  #sendWaiting(): void {
    while (this.#underWay.size < UNDER_WAY_MAX) {
      const asked = this.#waiting.shift()
      if (asked === undefined) return
      if (this.#underWay.size === 0) this.#heardAt = performance.now()
      this.#lastId = (this.#lastId + 1) >>> 0
      this.#underWay.set(this.#lastId, asked)
      this.#socket.write(encodeRequest({ ...asked.wanted, id: this.#lastId }))
    }
  }

  #receive(chunk: Uint8Array): void {
    this.#heardAt = performance.now()
    try {
      for (const frame of this.#frames.push(chunk)) this.#accept(frame)
    } catch (error) {
      this.end(reasonOf(error))
    }
  }

  #accept(frame: Frame): void {
    const { kind, step: id } = frame.header
    const asked = this.#underWay.get(id)
    if (asked === undefined)
      throw new SputnikError('FRAME_INVALID', 'it answers what was not asked')
    const refusal = kind === PAGE_FRAME.bytes ? undefined : decodeRefusal(frame)
    this.#underWay.delete(id)
    if (refusal === undefined) settle(asked, frame.payload)
    else asked.reject(new SputnikError('SOURCE_FAILED', refusal))
    this.#sendWaiting()
  }

  #look(): void {
    const isOwed = this.#underWay.size > 0
    if (isOwed && performance.now() - this.#heardAt > this.#stallMs) this.end('it answers no more')
  }
}

function settle({ wanted, resolve, reject }: Asked, bytes: Uint8Array): void {
  const isRight = !('range' in wanted) || wanted.range.length === bytes.length
  if (isRight) resolve(bytes)
  else
    reject(new SputnikError('SOURCE_FAILED', `it sent ${bytes.length} bytes that were not asked`))
}

function gone(reason: string): SputnikError {
  return new SputnikError('PEER_UNREACHABLE', `the link for pages has ended: ${reason}`)
}

/**
 * A domain on the head's own host with one card: a child process and the socket to it. Starts it,
 * gives it its pages, starts it again when it was lost. All waits block, with a deadline.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import {
  controlFrame,
  helloSchema,
  type Load,
  progressSchema,
  readControl,
  readFailure,
} from '../fabric/control.js'
import { FRAME, type FrameKind, PROTOCOL_VERSION, readHeader } from '../fabric/frame.js'
import type { Link, ReceivedFrame } from '../fabric/link.js'
import { SharedLink } from '../fabric/shared-link.js'
import { SocketLink } from '../fabric/socket-link.js'
import type { NativeBuffer } from '../native/memory.js'
import { createShared, unmapShared } from '../native/shared-memory.js'
import type { Sockets } from '../native/sockets.js'

export type LocalDomainOptions = {
  readonly id: number
  readonly backend: string
  readonly load: Load
  readonly sockets: Sockets
  /** Of the memory shared with the card; 0: everything goes through the socket. */
  readonly sharedBytes: number
  /** How long either side looks for a frame before it sleeps. */
  readonly spinUs: number
  readonly now: () => number
  readonly onProgress: (id: number, bytes: number) => void
}

const HELLO_MS = 20_000
const LOAD_STALL_MS = 120_000
const LEARN_MS = 30_000
const SEND_MS = 60_000

export class LocalDomain {
  readonly id: number
  readonly #options: LocalDomainOptions
  #child: ChildProcess | undefined
  #link: Link | undefined
  #bytesBefore = { sent: 0, received: 0 }
  #records: readonly ExpertRecord[] = []
  pages = 0
  pageBytes = 0
  restarts = 0
  expertCalls = 0

  constructor(options: LocalDomainOptions) {
    this.id = options.id
    this.#options = options
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get device(): string {
    return this.#options.load.device
  }

  get bytesSent(): number {
    return this.#bytesBefore.sent + (this.#link?.bytesSent ?? 0)
  }

  get bytesReceived(): number {
    return this.#bytesBefore.received + (this.#link?.bytesReceived ?? 0)
  }

  /** Starts the process and tells it what to load, without waiting for that. */
  start(): void {
    const { sockets, backend, spinUs, load, sharedBytes } = this.#options
    const [ours, theirs] = sockets.pair()
    const memory = sharedBytes > 0 ? createShared(sharedBytes) : undefined
    const entry = fileURLToPath(new URL('../card/main.js', import.meta.url))
    const inherited = memory === undefined ? [theirs] : [theirs, memory.fd]
    this.#child = spawn(process.execPath, [entry, backend, String(spinUs), String(sharedBytes)], {
      stdio: ['ignore', 'inherit', 'inherit', ...inherited],
    })
    this.#child.on('error', () => {})
    for (const fd of inherited) sockets.close(fd)
    this.#link = this.#openLink(ours, memory?.buffer)
    this.#send(FRAME.load, load)
  }

  #openLink(ours: number, memory: NativeBuffer | undefined): Link {
    const { sockets, spinUs, now } = this.#options
    const socket = new SocketLink({ sockets, socket: ours, spinUs, sendTimeoutMs: SEND_MS, now })
    if (memory === undefined) return socket
    const release = (): void => unmapShared(memory)
    return new SharedLink({
      socket,
      memory,
      isHead: true,
      spinUs,
      yield: sockets.yield,
      now,
      release,
    })
  }

  /** Waits until the pages are there. @throws SputnikError CARD_FAILED or the card's own error */
  awaitLoaded(): void {
    const hello = readControl(this.#expect(FRAME.hello, HELLO_MS), helloSchema)
    if (hello.protocol !== PROTOCOL_VERSION) throw this.#failed('speaks another protocol version')
    for (;;) {
      const frame = this.#receive(LOAD_STALL_MS)
      const progress = readControl(bytesOf(frame), progressSchema)
      this.pages = progress.pages
      this.pageBytes = progress.bytes
      this.#options.onProgress(this.id, progress.bytes)
      if (readHeader(frame.buffer.view).kind === FRAME.ready) return
    }
  }

  /** Tells the card what its experts compute. */
  learn(records: readonly ExpertRecord[]): void {
    this.#records = records
    this.#send(FRAME.records, { records })
    this.#expect(FRAME.ready, LEARN_MS)
  }

  /** Ends what is left of the process and starts a new one with the same pages, or leaves none. */
  restart(): void {
    this.stop()
    this.restarts++
    try {
      this.start()
      this.awaitLoaded()
      this.learn(this.#records)
    } catch (error) {
      this.stop()
      throw error
    }
  }

  stop(): void {
    this.#bytesBefore = { sent: this.bytesSent, received: this.bytesReceived }
    this.#link?.close()
    this.#link = undefined
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }

  /** Undefined when the card is gone. */
  get link(): Link | undefined {
    return this.#link
  }

  #send(kind: FrameKind, message: unknown): void {
    const frame = controlFrame(kind, message)
    if (this.#link?.send(frame, frame.bytes.length) !== true) throw this.#failed('has ended')
  }

  #expect(kind: FrameKind, timeoutMs: number): Uint8Array {
    const frame = this.#receive(timeoutMs)
    const got = readHeader(frame.buffer.view).kind
    if (got !== kind) throw this.#failed(`sent a frame of kind ${got} instead of ${kind}`)
    return bytesOf(frame)
  }

  #receive(timeoutMs: number): ReceivedFrame {
    const frame = this.#link?.receive(timeoutMs)
    if (frame === undefined) throw this.#failed('has ended or does not answer')
    if (readHeader(frame.buffer.view).kind === FRAME.failed) {
      throw readFailure(bytesOf(frame), this.id)
    }
    return frame
  }

  #failed(what: string): SputnikError {
    return new SputnikError('CARD_FAILED', `card ${this.id} (process ${this.pid}) ${what}`)
  }
}

function bytesOf(frame: ReceivedFrame): Uint8Array {
  return frame.buffer.bytes.subarray(0, frame.bytes)
}

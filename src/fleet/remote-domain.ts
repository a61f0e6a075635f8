/**
 * A domain on another host as the head sees it: its link, its pages, how it is. Never waits; what
 * it says is dealt with whenever somebody looks at the link.
 */
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import {
  controlFrame,
  helloSchema,
  mappedSchema,
  type PageAt,
  progressSchema,
  readControl,
  readMapFailure,
} from '../fabric/control.js'
import type { DataLink } from '../fabric/data-link.js'
import { FRAME, type FrameKind, readHeader } from '../fabric/frame.js'
import type { Join } from '../fabric/handshake-messages.js'
import type { Link, ReceivedFrame } from '../fabric/link.js'
import { StepLink } from '../fabric/step-link.js'
import type { MapAnswer } from './fleet-domain.js'

export type RemoteDomainOptions = {
  readonly id: number
  readonly nodeId: string
  readonly address: string
  readonly join: Join
  readonly link: DataLink
  readonly now: () => number
}

const ANSWERS_MAX = 4096

export class RemoteDomain {
  readonly id: number
  readonly nodeId: string
  readonly address: string
  readonly join: Join
  readonly #data: DataLink
  readonly #link: StepLink
  #answers: MapAnswer[] = []
  #lastId = 0
  #isReady = false
  pages = 0
  pageBytes = 0
  expertCalls = 0

  constructor({ id, nodeId, address, join, link, now }: RemoteDomainOptions) {
    this.id = id
    this.nodeId = nodeId
    this.address = address
    this.join = join
    this.#data = link
    this.#link = new StepLink(link, { take: (frame) => this.#take(frame), now })
  }

  /** Undefined when it is gone. */
  get link(): Link | undefined {
    return this.#data.isOpen ? this.#link : undefined
  }

  /** Knows what its experts compute. */
  get isReady(): boolean {
    return this.#isReady
  }

  get roundTripMs(): number | undefined {
    const { roundTripUs } = this.#data
    return roundTripUs === undefined ? undefined : roundTripUs / 1000
  }

  get bytesSent(): number {
    return this.#data.bytesSent
  }

  get bytesReceived(): number {
    return this.#data.bytesReceived
  }

  learn(records: readonly ExpertRecord[]): void {
    this.#send(FRAME.records, { records })
  }

  map(pages: readonly PageAt[]): number {
    const id = ++this.#lastId
    this.#send(FRAME.map, { id, pages })
    return id
  }

  unmap(pages: readonly PageAt[]): number {
    const id = ++this.#lastId
    this.#send(FRAME.unmap, { id, pages })
    return id
  }

  takeAnswers(): MapAnswer[] {
    const answers = this.#answers
    this.#answers = []
    return answers
  }

  poll(): void {
    this.#link.peek()
  }

  close(): void {
    this.#link.close()
  }

  /** A domain that is gone is noticed by whoever waits for it. */
  #send(kind: FrameKind, message: unknown): void {
    const frame = controlFrame(kind, message)
    this.#data.send(frame, frame.bytes.length)
  }

  /** Deals with all frames but those a step waits for. */
  #take(frame: ReceivedFrame): boolean {
    const { kind } = readHeader(frame.buffer.view)
    const bytes = frame.buffer.bytes.subarray(0, frame.bytes)
    if (kind === FRAME.hello) readControl(bytes, helloSchema)
    else if (kind === FRAME.ready) this.#note(readControl(bytes, progressSchema), true)
    else if (kind === FRAME.progress) this.#note(readControl(bytes, progressSchema), false)
    else if (kind === FRAME.mapped) this.#takeMapped(bytes)
    else return kind === FRAME.failed && this.#takeFailure(bytes)
    return true
  }

  #note({ pages, bytes }: { pages: number; bytes: number }, isReady: boolean): void {
    this.pages = pages
    this.pageBytes = bytes
    this.#isReady ||= isReady
  }

  #takeMapped(bytes: Uint8Array): void {
    const mapped = readControl(bytes, mappedSchema)
    this.#note(mapped, false)
    this.#push({ id: mapped.id })
  }

  #takeFailure(bytes: Uint8Array): boolean {
    const failure = readMapFailure(bytes, this.id)
    if (failure !== undefined) this.#push(failure)
    return failure !== undefined
  }

  #push(answer: MapAnswer): void {
    if (this.#answers.length >= ANSWERS_MAX) {
      throw new SputnikError('FRAME_INVALID', `domain ${this.id} answers what it was not asked`)
    }
    this.#answers.push(answer)
  }
}

/**
 * A domain: passes what the head asks on to the card of this host, and what the card answers back.
 * Its page table is the card's. All waits block, with a deadline.
 */
import { SputnikError, toPlain } from '../base/errors.js'
import {
  controlFrame,
  mapSchema,
  type PageAt,
  readControl,
  recordsSchema,
  unmapSchema,
} from '../fabric/control.js'
import type { DataLink } from '../fabric/data-link.js'
import { FRAME, type FrameKind, PROTOCOL_VERSION, readHeader } from '../fabric/frame.js'
import type { ReceivedFrame } from '../fabric/link.js'
import type { LocalDomain } from './local-domain.js'

export type DomainOptions = {
  readonly head: DataLink
  /** Started and loaded. */
  readonly card: LocalDomain
  /** False ends the domain: nobody wants it any more. */
  readonly isWanted: () => boolean
  readonly onProgress: (pages: number, bytes: number) => void
}

/** How long it waits for the head before it looks around. */
const IDLE_MS = 500
/** The same while the card takes pages in. */
const MAPPING_MS = 1
const COMPUTE_MS = 60_000
const RESTARTS_MAX = 2

export class Domain {
  readonly #options: DomainOptions
  /** The head's number of each change the card works on, by the card's number. */
  readonly #changes = new Map<number, number>()

  constructor(options: DomainOptions) {
    this.#options = options
  }

  /** Serves the head until it is gone. */
  run(): void {
    const { head, card, isWanted } = this.#options
    this.#send(FRAME.hello, { protocol: PROTOCOL_VERSION, pid: process.pid, device: card.device })
    while (isWanted()) {
      const frame = head.receive(this.#changes.size > 0 ? MAPPING_MS : IDLE_MS)
      if (frame !== undefined) this.#answer(frame)
      else if (!head.isOpen) return
      card.poll()
      this.#reportChanges()
    }
  }

  #answer(frame: ReceivedFrame): void {
    try {
      this.#handle(frame)
    } catch (error) {
      this.#send(FRAME.failed, toPlain(error))
    }
  }

  #handle(frame: ReceivedFrame): void {
    const { kind } = readHeader(frame.buffer.view)
    if (kind === FRAME.dispatch) {
      this.#compute(frame)
      return
    }
    const bytes = frame.buffer.bytes.subarray(0, frame.bytes)
    if (kind === FRAME.records) this.#learn(bytes)
    else if (kind === FRAME.map) this.#change('map', readControl(bytes, mapSchema))
    else if (kind === FRAME.unmap) this.#change('unmap', readControl(bytes, unmapSchema))
    else throw new SputnikError('FRAME_INVALID', `a domain does not expect frames of kind ${kind}`)
  }

  /** A card that ends meanwhile is started again with its pages, and asked again. */
  #compute(frame: ReceivedFrame): void {
    const { card, head } = this.#options
    for (let attempt = 0; attempt <= RESTARTS_MAX; attempt++) {
      if (attempt > 0) card.restart()
      const isSent = card.link?.send(frame.buffer, frame.bytes) === true
      const answer = isSent ? card.link?.receive(COMPUTE_MS) : undefined
      if (answer === undefined) continue
      head.send(answer.buffer, answer.bytes)
      return
    }
    throw new SputnikError('CARD_LOST', 'the card of this domain does not come back')
  }

  #learn(bytes: Uint8Array): void {
    const { card } = this.#options
    card.learn(readControl(bytes, recordsSchema).records)
    this.#send(FRAME.ready, { pages: card.pages, bytes: card.pageBytes })
  }

  /** The head names pages, never files of this host. */
  #change(kind: 'map' | 'unmap', { id, pages }: { id: number; pages: readonly PageAt[] }): void {
    try {
      this.#changes.set(this.#options.card[kind](pages), id)
    } catch (error) {
      this.#send(FRAME.failed, { ...toPlain(error), id })
    }
  }

  #reportChanges(): void {
    const { card, onProgress } = this.#options
    for (const { id, error } of card.takeAnswers()) {
      const headId = this.#changes.get(id)
      this.#changes.delete(id)
      if (headId === undefined) continue
      const { pages, pageBytes: bytes } = card
      onProgress(pages, bytes)
      if (error === undefined) this.#send(FRAME.mapped, { id: headId, pages, bytes })
      else this.#send(FRAME.failed, { ...toPlain(error), id: headId })
    }
  }

  #send(kind: FrameKind, message: unknown): void {
    const frame = controlFrame(kind, message)
    this.#options.head.send(frame, frame.bytes.length)
  }
}

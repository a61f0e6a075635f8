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
import { FRAME, type FrameKind, PROTOCOL_VERSION, readHeader } from '../fabric/frame.js'
import type { ReceivedFrame } from '../fabric/link.js'
import type { ThreadLink } from '../fabric/thread-link.js'
import type { LocalDomain } from './local-domain.js'
import type { SupplyMaps } from './supply-maps.js'

export type DomainOptions = {
  readonly head: ThreadLink
  /** Started and loaded. */
  readonly card: LocalDomain
  readonly maps: SupplyMaps
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

type Change = {
  /** The head's number. */
  readonly id: number
  readonly kind: 'map' | 'unmap'
  readonly pages: readonly PageAt[]
}

export class Domain {
  readonly #options: DomainOptions
  /** What the card works on, by the card's number. */
  readonly #changes = new Map<number, Change>()

  constructor(options: DomainOptions) {
    this.#options = options
  }

  /** Serves the head until it is gone. */
  run(): void {
    const { head, card, maps, isWanted } = this.#options
    this.#send(FRAME.hello, { protocol: PROTOCOL_VERSION, pid: process.pid, device: card.device })
    while (isWanted()) {
      const isMapping = this.#changes.size > 0 || maps.pending > 0
      const frame = head.receive(isMapping ? MAPPING_MS : IDLE_MS)
      if (frame !== undefined) this.#answer(frame)
      else if (!head.isOpen) return
      this.#mapSupplied()
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
    const { card, maps } = this.#options
    this.#answering(id, () => {
      if (kind === 'map') maps.begin(id, pages)
      else this.#changes.set(card.unmap(pages), { id, kind, pages })
    })
  }

  /** Gives the card what has come. */
  #mapSupplied(): void {
    const { card, maps } = this.#options
    for (const { id, pages, ...how } of maps.take()) {
      this.#answering(id, () => {
        if (how.error !== undefined) throw how.error
        this.#changes.set(card.map(pages, how.sources), { id, kind: 'map', pages })
      })
    }
  }

  #answering(id: number, act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#send(FRAME.failed, { ...toPlain(error), id })
    }
  }

  #reportChanges(): void {
    const { card, maps, onProgress } = this.#options
    for (const { id: cardId, error } of card.takeAnswers()) {
      const change = this.#changes.get(cardId)
      this.#changes.delete(cardId)
      if (change === undefined) continue
      const { id, kind } = change
      if ((kind === 'map') !== (error === undefined)) maps.release(change.pages)
      const { pages, pageBytes: bytes } = card
      onProgress(pages, bytes)
      if (error === undefined) this.#send(FRAME.mapped, { id, pages, bytes })
      else this.#send(FRAME.failed, { ...toPlain(error), id })
    }
  }

  #send(kind: FrameKind, message: unknown): void {
    const frame = controlFrame(kind, message)
    this.#options.head.send(frame, frame.bytes.length)
  }
}

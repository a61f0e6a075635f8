/** A card of the head's host: an integer card at the end of a link in memory. */
import type { SputnikError } from '../../src/base/errors.js'
import { SputnikError as Failure } from '../../src/base/errors.js'
import {
  controlFrame,
  type MapAnswer,
  mappedSchema,
  type PageAt,
  readControl,
  readMapFailure,
} from '../../src/fabric/control.js'
import { FRAME, type FrameKind, readHeader } from '../../src/fabric/frame.js'
import type { Link, ReceivedFrame, Waits } from '../../src/fabric/link.js'
import type { OwnDomain } from '../../src/fleet/fleet-domain.js'
import type { NativeBuffer } from '../../src/native/memory.js'
import { copyFrame, giveFrame, takeFrame } from './frames.js'
import { IntegerCard } from './integer-card.js'
import type { IntegerModel } from './integer-model.js'
import type { CardPlan } from './scenario.js'
import type { Sim } from './sim.js'

export type OwnCardOptions = {
  readonly sim: Sim
  readonly id: number
  readonly model: IntegerModel
  readonly plan: CardPlan
  /** Whoever waits for frames of the card may look. */
  readonly wake: () => void
  /** The head stands still for so long. */
  readonly block: (ms: number) => void
}

const WAITS: Waits = { fd: -1, isWriting: false, doze: () => false, wake: () => {} }
const START_MS = 60
const PAGE_MS = 0.3

export class OwnCard implements OwnDomain {
  readonly id: number
  readonly #options: OwnCardOptions
  /** What it has or is to have: a new card is given the same. */
  readonly #held = new Map<string, PageAt>()
  readonly #changes = new Map<number, { kind: 'map' | 'unmap'; pages: readonly PageAt[] }>()
  #card: IntegerCard | undefined
  #inbox: ReceivedFrame[] = []
  #answers: MapAnswer[] = []
  #lastId = 0
  expertCalls = 0
  pageBytes = 0

  constructor(options: OwnCardOptions) {
    this.id = options.id
    this.#options = options
    this.#open()
  }

  get pages(): number {
    return this.#held.size
  }

  get link(): Link | undefined {
    return this.#card?.isAlive === true ? this.#link : undefined
  }

  get card(): IntegerCard | undefined {
    return this.#card
  }

  map(pages: readonly PageAt[]): number {
    return this.#change('map', pages)
  }

  unmap(pages: readonly PageAt[]): number {
    return this.#change('unmap', pages)
  }

  takeAnswers(): MapAnswer[] {
    const answers = this.#answers
    this.#answers = []
    return answers
  }

  /** Begins with these pages. */
  load(pages: readonly PageAt[]): void {
    for (const page of pages) this.#held.set(`${page.region}.${page.expert}`, page)
    this.#card?.give(pages)
  }

  crash(): void {
    this.#card?.crash()
    this.#options.wake()
  }

  /** Waits until the new card has the pages of the old one. */
  restart(): void {
    const { sim, block } = this.#options
    sim.counts.add('own cards restarted')
    this.#card?.crash()
    this.#inbox = []
    const error = new Failure('CARD_FAILED', 'the card ended before it had answered')
    for (const id of this.#changes.keys()) this.#answers.push({ id, error })
    this.#changes.clear()
    this.#open()
    this.#card?.give([...this.#held.values()])
    block(START_MS + PAGE_MS * this.#held.size)
  }

  #open(): void {
    const { sim, model, plan } = this.#options
    const card: IntegerCard = new IntegerCard({
      ...{ sim, model },
      speed: plan,
      say: (frame) => {
        if (this.#card === card) this.#hear(frame)
      },
    })
    this.#card = card
    card.give([])
  }

  #hear(frame: ReceivedFrame): void {
    this.#inbox.push(frame)
    this.#options.wake()
  }

  #change(kind: 'map' | 'unmap', pages: readonly PageAt[]): number {
    const id = ++this.#lastId
    this.#changes.set(id, { kind, pages })
    this.#send(FRAME[kind], { id, pages })
    return id
  }

  #send(kind: FrameKind, message: unknown): void {
    const buffer = controlFrame(kind, message)
    this.#card?.receive({ buffer, bytes: buffer.bytes.length })
  }

  /** The next frame for a step. */
  #poll(): ReceivedFrame | 'gone' | undefined {
    for (;;) {
      if (this.link === undefined) return 'gone'
      const frame = this.#inbox.shift()
      if (frame === undefined || !this.#take(frame)) return frame
    }
  }

  #take({ buffer, bytes }: ReceivedFrame): boolean {
    const { kind } = readHeader(buffer.view)
    const message = buffer.bytes.subarray(0, bytes)
    if (kind === FRAME.mapped) this.#finish(readControl(message, mappedSchema).id)
    else if (kind === FRAME.failed) {
      const failure = readMapFailure(message, this.id)
      if (failure === undefined) return false
      this.#finish(failure.id, failure.error)
    } else return kind !== FRAME.combine
    return true
  }

  #finish(id: number, error?: SputnikError): void {
    const change = this.#changes.get(id)
    this.#changes.delete(id)
    this.#answers.push(error === undefined ? { id } : { id, error })
    if (error !== undefined || change === undefined) return
    for (const page of change.pages) {
      const key = `${page.region}.${page.expert}`
      if (change.kind === 'map') this.#held.set(key, page)
      else this.#held.delete(key)
    }
  }

  readonly #link: Link = this.#newLink()

  #newLink(): Link {
    let scratch: NativeBuffer | undefined
    return {
      frame: (bytes) => {
        if (scratch !== undefined) giveFrame(scratch)
        scratch = takeFrame(bytes)
        return scratch
      },
      send: (frame, bytes) => {
        const copy = copyFrame(frame, bytes)
        this.#card?.receive({ buffer: copy, bytes })
        giveFrame(copy)
        return true
      },
      receive: () => undefined,
      poll: () => this.#poll(),
      close: () => {},
      waits: WAITS,
      bytesSent: 0,
      bytesReceived: 0,
    }
  }
}

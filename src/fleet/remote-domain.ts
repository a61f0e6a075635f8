/**
 * A domain on another host as the head sees it: its link, its pages, how it is. Never waits; what
 * it says of pages and of itself is dealt with when somebody looks at the link for a step's frames.
 */
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import {
  controlFrame,
  type DomainStatus,
  goneSchema,
  helloSchema,
  mappedSchema,
  type PageAt,
  progressSchema,
  readControl,
  readMapFailure,
  statusSchema,
} from '../fabric/control.js'
import { FRAME, type FrameKind, readHeader } from '../fabric/frame.js'
import type { Join } from '../fabric/handshake-messages.js'
import { bytesOf, type Link, type ReceivedFrame } from '../fabric/link.js'
import { StepLink } from '../fabric/step-link.js'
import { type CardCapacity, UNMEASURED_SPEED } from '../pages/capacity.js'
import type { Directory } from '../pages/directory.js'
import type { CardTier } from '../pages/domain-table.js'
import type { Page } from '../pages/holder-table.js'
import type { JoinedDomain, PageNews } from './fleet-domain.js'
import { PageCards } from './page-cards.js'

/** The link to a domain, with what its fabric thread knows of it. */
export type PeerLink = Link & {
  /** Its number where credit is asked for. */
  readonly peer: number
  readonly isOpen: boolean
  readonly heartbeats: number
  /** Undefined before the first. */
  readonly roundTripUs: number | undefined
  /** With an error, the node is told why. */
  close(told?: SputnikError): void
}

export type RemoteDomainOptions = {
  readonly id: number
  readonly nodeId: string
  readonly address: string
  readonly join: Join
  readonly link: PeerLink
  /** Numbers the pages. */
  readonly table: Directory['table']
  readonly now: () => number
}

const ANSWERS_MAX = 4096

export class RemoteDomain implements JoinedDomain {
  readonly id: number
  readonly nodeId: string
  readonly address: string
  readonly join: Join
  readonly #peer: PeerLink
  readonly #link: StepLink
  readonly #table: Directory['table']
  readonly #pageCards: PageCards
  /** Pages it was told to map and has not answered for. */
  readonly #maps = new Map<number, readonly PageAt[]>()
  #answers: PageNews[] = []
  #lastId = 0
  #isReady = false
  #isLeaving = false
  pages = 0
  pageBytes = 0
  expertCalls = 0
  /** What it said last of its cards. */
  status: DomainStatus | undefined
  #cardsVersion = 0

  constructor({ id, nodeId, address, join, link, table, now }: RemoteDomainOptions) {
    this.id = id
    this.nodeId = nodeId
    this.address = address
    this.join = join
    this.#peer = link
    this.#table = table
    this.#pageCards = new PageCards(table)
    this.#link = new StepLink(link, { take: (frame) => this.#take(frame), now })
  }

  get name(): string {
    return this.join.name
  }

  get cards(): readonly CardCapacity[] {
    const { status } = this
    if (status === undefined) {
      return this.join.cards.map(({ memoryBytes }) => ({ memoryBytes, speed: UNMEASURED_SPEED }))
    }
    return status.cards.map(({ memoryBytes, points }) => ({
      memoryBytes,
      speed: points.length > 0 ? { points } : UNMEASURED_SPEED,
    }))
  }

  get cardsVersion(): number {
    return this.#cardsVersion
  }

  get link(): Link | undefined {
    return this.#peer.isOpen ? this.#link : undefined
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  get peer(): number {
    return this.#peer.peer
  }

  get heartbeats(): number {
    return this.#peer.heartbeats
  }

  get roundTripMs(): number | null {
    const { roundTripUs } = this.#peer
    return roundTripUs === undefined ? null : roundTripUs / 1000
  }

  get bytesSent(): number {
    return this.#peer.bytesSent
  }

  get bytesReceived(): number {
    return this.#peer.bytesReceived
  }

  /**
   * The memory a page is in, or comes back to while its card is started again; undefined when the
   * domain has it on disk only, or not at all.
   */
  tierOf(page: Page): CardTier | undefined {
    const card = this.#pageCards.cardOf(page)
    return card === undefined ? undefined : this.status?.cards[card]?.tier
  }

  learn(records: readonly ExpertRecord[]): void {
    this.#send(FRAME.records, { records })
  }

  map(pages: readonly PageAt[]): number {
    const id = ++this.#lastId
    this.#maps.set(id, pages)
    this.#send(FRAME.map, { id, pages })
    return id
  }

  unmap(pages: readonly PageAt[]): number {
    const id = ++this.#lastId
    this.#pageCards.forget(pages)
    this.#send(FRAME.unmap, { id, pages })
    return id
  }

  takeAnswers(): PageNews[] {
    const answers = this.#answers
    this.#answers = []
    return answers
  }

  close(reason?: SputnikError): void {
    this.#peer.close(reason)
  }

  /** A domain that is gone is noticed by whoever looks at its link. */
  #send(kind: FrameKind, message: unknown): void {
    const frame = controlFrame(kind, message)
    this.#peer.send(frame, frame.bytes.length)
  }

  /** Deals with all frames but those a step waits for. */
  #take(frame: ReceivedFrame): boolean {
    const { kind } = readHeader(frame.buffer.view)
    const bytes = bytesOf(frame)
    if (kind === FRAME.hello) readControl(bytes, helloSchema)
    else if (kind === FRAME.ready) this.#note(readControl(bytes, progressSchema), true)
    else if (kind === FRAME.progress) this.#note(readControl(bytes, progressSchema), false)
    else if (kind === FRAME.status) this.#takeStatus(readControl(bytes, statusSchema))
    else if (kind === FRAME.mapped) this.#takeMapped(bytes)
    else if (kind === FRAME.gone) this.#takeGone(readControl(bytes, goneSchema).pages)
    else if (kind === FRAME.leaving) this.#isLeaving = true
    else return kind === FRAME.failed && this.#takeFailure(bytes)
    return true
  }

  #note({ pages, bytes }: { pages: number; bytes: number }, isReady: boolean): void {
    this.pages = pages
    this.pageBytes = bytes
    this.#isReady ||= isReady
  }

  #takeStatus(status: DomainStatus): void {
    if (placementKey(status) !== placementKey(this.status)) this.#cardsVersion++
    this.status = status
    this.pages = status.pages
    this.pageBytes = status.bytes
  }

  #takeGone(pages: readonly PageAt[]): void {
    const strange = pages.find((page) => !this.#table.isPage(page))
    if (strange !== undefined) {
      const text = `domain ${this.id} speaks of expert ${strange.expert} of region ${strange.region}`
      throw new SputnikError('FRAME_INVALID', `${text}, which does not exist`)
    }
    this.#pageCards.forget(pages)
    this.#push({ gone: pages })
  }

  #takeMapped(bytes: Uint8Array): void {
    const mapped = readControl(bytes, mappedSchema)
    this.#noteCards(mapped.id, mapped.cards ?? [])
    this.#note(mapped, false)
    this.#push({ id: mapped.id })
  }

  #noteCards(id: number, cards: readonly number[]): void {
    const pages = this.#maps.get(id)
    if (pages === undefined) return
    this.#maps.delete(id)
    const count = this.join.cards.length
    if (cards.length !== pages.length || cards.some((card) => card >= count)) {
      const text = `domain ${this.id} does not say which of its ${count} cards has each page`
      throw new SputnikError('FRAME_INVALID', text)
    }
    this.#pageCards.set(pages, cards)
  }

  #takeFailure(bytes: Uint8Array): boolean {
    const failure = readMapFailure(bytes, this.id)
    if (failure === undefined) return false
    this.#maps.delete(failure.id)
    this.#push(failure)
    return true
  }

  #push(answer: PageNews): void {
    if (this.#answers.length >= ANSWERS_MAX) {
      throw new SputnikError('FRAME_INVALID', `domain ${this.id} says more of pages than there is`)
    }
    this.#answers.push(answer)
  }
}

/** What of a status a placement goes by; speeds count once they are known. */
function placementKey(status: DomainStatus | undefined): string {
  if (status === undefined) return ''
  return status.cards.map((card) => `${card.memoryBytes} ${card.points.length > 0}`).join()
}

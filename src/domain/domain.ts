/**
 * A domain: the second level of the page table and the cards under it, as a state machine. It is
 * told what comes from the head, from cards and from the supply, and says what is to be done; it
 * has no sockets, no processes and no clock, so that a seed replays whatever happens to it.
 *
 * Inputs: `joined`, `receive` (from the head), `receiveCard`, `cardLost`, `supplied`, `leave`,
 * `tick`.
 * After each of them `takeOutbox` gives what is to be done, in order. Frames there are valid until
 * the next input, as long as the frame given to this one is: an answer of a card passes through.
 * Whoever keeps one copies it. Time is monotonic milliseconds; `tick` is wanted every 10 ms or so.
 *
 * A card is a peer that speaks frames: it says `hello`, is told `load` and `records`, takes `map`,
 * `unmap` and one dispatch at a time, answers `ready`, `mapped`, `combine` or `failed`. After
 * `restart` a new one is expected in its place, with a `hello` of its own.
 */
import { SputnikError, toPlain } from '../base/errors.js'
import { type ExpertRecord, regionKey } from '../base/expert.js'
import {
  type DomainStatus,
  MAP_PAGES_MAX,
  mappedSchema,
  mapSchema,
  readControl,
  readFailure,
  readFarewell,
  readMapFailure,
  recordsSchema,
  unmapSchema,
} from '../fabric/control.js'
import { FRAME, type FrameHeader, PROTOCOL_VERSION, readHeader } from '../fabric/frame.js'
import { bytesOf, type ReceivedFrame } from '../fabric/link.js'
import { DomainTable } from '../pages/domain-table.js'
import { CardSpeeds } from './card-speeds.js'
import type { Failed } from './dispatch-queue.js'
import { type CardSpec, DomainCards, type DomainLoad, tableRegions } from './domain-cards.js'
import { DomainWork } from './domain-work.js'
import { Leaving } from './leaving.js'
import { type DomainMessage, Outbox } from './outbox.js'
import { PageChanges } from './page-changes.js'
import type { ChangeAnswer } from './page-waiters.js'
import type { SupplyAnswer } from './supply.js'

export type DomainOptions = {
  readonly load: DomainLoad
  readonly cards: readonly CardSpec[]
  readonly pid: number
  readonly now: number
}

/** Between two reports of what the domain holds. */
const STATUS_MS = 250

export class Domain {
  readonly #options: DomainOptions
  readonly #outbox = new Outbox()
  readonly #table: DomainTable
  readonly #changes: PageChanges
  readonly #cards: DomainCards
  readonly #work: DomainWork
  readonly #speeds: CardSpeeds
  #isJoined = false
  /** The head waits to hear that its records are known. */
  #isLearning = false
  #isChanged = false
  #statusAt = -Infinity
  #badPages = 0
  /** Why the head lets this domain go, if it said so. */
  farewell: SputnikError | undefined
  #leaving: Leaving | undefined

  constructor(options: DomainOptions) {
    const { load, cards, now } = options
    this.#options = options
    this.#table = new DomainTable(tableRegions(load), cards)
    this.#changes = new PageChanges(this.#table)
    this.#cards = new DomainCards({ load, cards, outbox: this.#outbox, now })
    this.#work = new DomainWork({ table: this.#table, outbox: this.#outbox })
    this.#speeds = new CardSpeeds(this.#table)
  }

  /** Whether all cards have taken in what there is to load; the head may be joined then. */
  get isLoaded(): boolean {
    return this.#cards.isLoaded
  }

  /** Why this domain can never serve; everything else it deals with by itself. */
  get failure(): SputnikError | undefined {
    return this.#cards.failure
  }

  /** Whether it has asked to go and waits for the head in vain. */
  get hasLeft(): boolean {
    return this.#leaving?.isOver === true
  }

  /** Whether pages are on their way, so that whoever drives this should not sleep for long. */
  get isMoving(): boolean {
    return this.#changes.isMoving
  }

  get status(): DomainStatus {
    const { cards } = this.#options
    return {
      pages: this.#table.pages,
      bytes: this.#table.bytes,
      cards: cards.map(({ device, tier, memoryBytes }, card) => {
        const { pages, bytes } = this.#table.use(card)
        const memory = this.#table.isOpen(card) ? memoryBytes : 0
        const points = this.#speeds.points(card)
        return { device, tier, pages, bytes, memoryBytes: memory, points }
      }),
      tierBytes: this.#table.tierBytes,
      badPages: this.#badPages,
    }
  }

  takeOutbox(): DomainMessage[] {
    return this.#outbox.take()
  }

  /** The link to the head is there. */
  joined(now: number): void {
    const device = this.#options.cards.map((card) => card.device).join(',')
    this.#isJoined = true
    this.#isChanged = true
    this.#outbox.tellHead(FRAME.hello, {
      protocol: PROTOCOL_VERSION,
      pid: this.#options.pid,
      device: device.slice(0, 256),
    })
    this.#pump(now)
  }

  /** A frame from the head. */
  receive(frame: ReceivedFrame, now: number): void {
    const header = readHeader(frame.buffer.view)
    try {
      this.#handle(header, frame, now)
    } catch (error) {
      const isDispatch = header.kind === FRAME.dispatch
      this.#tellGone()
      this.#outbox.tellHead(FRAME.failed, toPlain(error), isDispatch ? header : undefined)
    }
    this.#pump(now)
  }

  /** A frame from a card. */
  receiveCard(card: number, frame: ReceivedFrame, now: number): void {
    // What a card says that is about to be started again counts no more.
    if (this.#cards.phase(card) === 'resting') return
    try {
      this.#handleCard(card, frame, now)
    } catch (error) {
      this.#lose(card, { now, error: errorOf(error) })
    }
    this.#pump(now)
  }

  /** The link to a card has ended; false when that is known. */
  cardLost(card: number, now: number): boolean {
    if (this.#cards.phase(card) === 'resting') return false
    this.#lose(card, { now, error: new SputnikError('CARD_FAILED', `card ${card} has ended`) })
    this.#pump(now)
    return true
  }

  /** Pages that have come, and how many were wrong so far. */
  supplied(
    answers: readonly SupplyAnswer[],
    { badPages, now }: { badPages: number; now: number },
  ): void {
    if (badPages !== this.#badPages) this.#isChanged = true
    this.#badPages = badPages
    for (const answer of answers) this.#changes.supplied(answer)
    this.#pump(now)
  }

  /** The domain is to end: the head moves its pages away and ends the link when it has. */
  leave(now: number): void {
    if (this.#leaving !== undefined) return
    this.#leaving = new Leaving(this.#table.pages, now)
    this.#outbox.tellHead(FRAME.leaving, {})
  }

  /** Time passes. */
  tick(now: number): void {
    this.#leaving?.look(this.#table.pages, now)
    for (const card of [...this.#cards.tick(now), ...this.#work.silent(now)]) {
      const text = `card ${card} does not answer`
      this.#lose(card, { now, error: new SputnikError('CARD_FAILED', text) })
    }
    for (const card of this.#cards.late(now)) this.#giveUp(card)
    this.#pump(now)
  }

  #handle(header: FrameHeader, frame: ReceivedFrame, now: number): void {
    const { kind } = header
    if (kind === FRAME.dispatch) {
      this.#work.receive(header, frame, now)
      return
    }
    const bytes = bytesOf(frame)
    if (kind === FRAME.records) this.#learn(readControl(bytes, recordsSchema).records, now)
    else if (kind === FRAME.map) this.#change('map', bytes)
    else if (kind === FRAME.unmap) this.#change('unmap', bytes)
    else if (kind === FRAME.failed) this.farewell = readFarewell(bytes)
    else throw new SputnikError('FRAME_INVALID', `a domain does not expect frames of kind ${kind}`)
  }

  #learn(records: readonly ExpertRecord[], now: number): void {
    const { regions } = this.#options.load
    const byKey = new Map(records.map((record) => [regionKey(record), record]))
    this.#work.learn(regions.map((region) => byKey.get(regionKey(region))))
    this.#cards.learn(records, now)
    this.#isLearning = true
  }

  /** The head names pages, never files of this host. */
  #change(kind: 'map' | 'unmap', bytes: Uint8Array): void {
    const { id, pages } = readControl(bytes, kind === 'map' ? mapSchema : unmapSchema)
    try {
      this.#changes[kind](id, pages)
    } catch (error) {
      this.#outbox.tellHead(FRAME.failed, { ...toPlain(error), id })
    }
  }

  #handleCard(card: number, frame: ReceivedFrame, now: number): void {
    const { kind } = readHeader(frame.buffer.view)
    this.#cards.heard(card, now)
    if (kind === FRAME.combine) this.#answer(card, frame)
    else if (kind === FRAME.hello) this.#cards.hello(card, { bytes: bytesOf(frame), now })
    else if (kind === FRAME.ready) this.#ready(card, now)
    else if (kind === FRAME.mapped) this.#finish(card, readControl(bytesOf(frame), mappedSchema))
    else if (kind === FRAME.failed) this.#takeFailure(card, bytesOf(frame))
    else if (kind !== FRAME.progress) {
      throw new SputnikError('CARD_FAILED', `card ${card} sent a frame of kind ${kind}`)
    }
  }

  #ready(card: number, now: number): void {
    this.#cards.ready(card, now)
    if (this.#cards.phase(card) === 'serving') this.#table.setOpen(card, true)
    this.#isChanged = true
  }

  #answer(card: number, frame: ReceivedFrame): void {
    const { answer, test } = this.#work.answered(card, frame)
    if (answer !== undefined) this.#outbox.toHead(answer)
    if (test === undefined) return
    this.#speeds.note(card, test.computeUs)
    this.#isChanged = true
  }

  #finish(card: number, how: { id: number; error?: SputnikError }): void {
    this.#changes.finished(card, how)
    this.#isChanged = true
  }

  /** Of a map, of a dispatch, or of a card that cannot load its pages or learn. */
  #takeFailure(card: number, bytes: Uint8Array): void {
    const ofMap = readMapFailure(bytes, card)
    if (ofMap !== undefined) this.#finish(card, ofMap)
    else if (this.#work.isComputing(card)) {
      this.#fail([{ job: this.#work.refused(card), error: readFailure(bytes, card) }])
    } else throw readFailure(bytes, card)
  }

  /** Ends jobs without a result; the head knows by then which pages they lack. */
  #fail(failed: readonly Failed[]): void {
    if (failed.length > 0) this.#tellGone()
    for (const { job, error } of failed) {
      if (this.#work.isTest(job)) this.#speeds.stop(job.parts[0]?.card ?? 0)
      else this.#outbox.tellHead(FRAME.failed, toPlain(error), job.header)
      this.#work.end(job)
    }
  }

  #lose(card: number, { now, error }: { now: number; error: SputnikError }): void {
    this.#cards.lost(card, { now, error })
    this.#isChanged = true
    if (this.#isLearning && this.failure !== undefined) {
      this.#outbox.tellHead(FRAME.failed, toPlain(error))
    }
    this.#changes.cardLost(card)
    this.#fail(this.#work.cardLost(card))
  }

  /** The pages that it has not back are gone; without them it may still serve. */
  #giveUp(card: number): void {
    const text = `card ${card} is started again and has not come back in time`
    const error = new SputnikError('CARD_LOST', text)
    this.#isChanged = true
    if (this.#cards.phase(card) === 'serving') this.#changes.giveUp(card, error)
    else {
      this.#cards.giveUp(card)
      this.#table.setOpen(card, false)
      this.#changes.cardGone(card, error)
    }
  }

  /** Whatever can go on now goes on. */
  #pump(now: number): void {
    if (this.#isLearning && this.#cards.isServing) this.#tellReady()
    if (this.#changes.hasGone) this.#fail(this.#work.pagesGone())
    this.#tellChanges()
    this.#outbox.supply('reject', this.#changes.takeRejects())
    this.#outbox.supply('want', this.#changes.takeWants())
    this.#outbox.supply('release', this.#changes.takeReleases())
    for (let card = 0; card < this.#options.cards.length; card++) this.#pumpCard(card, now)
    this.#report(now)
  }

  #pumpCard(card: number, now: number): void {
    const phase = this.#cards.phase(card)
    if (phase !== 'loaded' && phase !== 'serving') return
    for (let next = this.#changes.takeChange(card); next; next = this.#changes.takeChange(card)) {
      const { id, kind, pages, sources } = next
      const message = kind === 'map' ? { id, pages, sources } : { id, pages }
      this.#outbox.tellCard(card, FRAME[kind], message)
    }
    if (phase !== 'serving') return
    if (this.#table.restoringOf(card) === 0) this.#cards.restored(card)
    if (this.#work.isIdle(card) && this.#changes.isIdle(card)) {
      this.#work.addTest(this.#speeds.next(card, { now, work: this.#work }), now)
    }
    this.#fail(this.#work.send(card, now))
  }

  #tellReady(): void {
    this.#isLearning = false
    const { pages, bytes } = this.#table
    this.#outbox.tellHead(FRAME.ready, { pages, bytes })
  }

  #tellGone(): void {
    const gone = this.#changes.takeGone()
    for (let at = 0; at < gone.length; at += MAP_PAGES_MAX) {
      this.#outbox.tellHead(FRAME.gone, { pages: gone.slice(at, at + MAP_PAGES_MAX) })
    }
  }

  /** After what has gone, for a page that went may be mapped again. */
  #tellChanges(): void {
    const answers = this.#changes.takeAnswers()
    if (answers.length > 0) this.#tellGone()
    for (const answer of answers) this.#tellChange(answer)
  }

  #tellChange({ id, error, mapped }: ChangeAnswer): void {
    const { pages, bytes } = this.#table
    const cards = mapped?.map((page) => this.#table.cardOf(page))
    if (error === undefined) this.#outbox.tellHead(FRAME.mapped, { id, pages, bytes, cards })
    else this.#outbox.tellHead(FRAME.failed, { ...toPlain(error), id })
  }

  #report(now: number): void {
    if (!this.#isJoined || !this.#isChanged || now - this.#statusAt < STATUS_MS) return
    this.#isChanged = false
    this.#statusAt = now
    this.#tellGone()
    this.#outbox.tellHead(FRAME.status, this.status)
  }
}

/** What a card says is checked, but it may still say what nobody expects. */
function errorOf(error: unknown): SputnikError {
  if (error instanceof SputnikError) return error
  throw error
}

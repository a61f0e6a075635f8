/**
 * What a domain computes: takes dispatches apart by card, hands cards their parts, puts the answers
 * together. Pure; knows nothing of how pages come and go but which card has them now.
 */
import { defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import { type Dispatch, readDispatch } from '../fabric/dispatch.js'
import type { FrameHeader } from '../fabric/frame.js'
import type { ReceivedFrame } from '../fabric/link.js'
import type { NativeBuffer } from '../native/memory.js'
import type { DomainTable } from '../pages/domain-table.js'
import type { TestDispatch } from './card-speed.js'
import { DispatchQueue, type Failed } from './dispatch-queue.js'
import { FramePool } from './frame-pool.js'
import { Job, type JobOptions, type Part } from './job.js'
import type { Outbox } from './outbox.js'

/** A card that takes longer for one dispatch is taken for lost. */
const COMPUTE_MS = 60_000

export type DomainWorkOptions = {
  readonly table: DomainTable
  readonly outbox: Outbox
}

export class DomainWork {
  readonly pool = new FramePool()
  readonly #options: DomainWorkOptions
  readonly #queue: DispatchQueue
  /** Dispatches made up to measure a card. */
  readonly #tests = new Set<Job>()
  /** By region; none for experts that no graph of the model uses. */
  #records: ReadonlyArray<ExpertRecord | undefined> = []
  /** Card of each pair of the dispatch that is looked at. */
  #owners = new Uint8Array(64)
  /** The answer made last: until the next input somebody may read it. */
  #answer: NativeBuffer | undefined

  constructor(options: DomainWorkOptions) {
    this.#options = options
    this.#queue = new DispatchQueue(options.table.cards.length)
  }

  learn(records: ReadonlyArray<ExpertRecord | undefined>): void {
    this.#records = records
  }

  record(region: number): ExpertRecord | undefined {
    return this.#records[region]
  }

  /**
   * A dispatch from the head.
   * @throws SputnikError FRAME_INVALID, PAGE_NOT_MAPPED, CARD_BUSY
   */
  receive(header: FrameHeader, frame: ReceivedFrame, now: number): void {
    this.#reuse()
    const bounds = this.#records[header.region]
    if (bounds === undefined) {
      throw new SputnikError('FRAME_INVALID', `nobody has said what region ${header.region} is`)
    }
    const { buffer, bytes } = frame
    const dispatch = readDispatch(buffer, { bytes, header, bounds })
    this.#queue.check()
    const owners = this.#ownersOf(dispatch, header.region)
    this.#queue.add(this.#job(dispatch, bytes, { header, bounds, owners, now }))
  }

  addTest(test: TestDispatch | undefined, now: number): void {
    if (test === undefined) return
    const { header, frame, bytes, card } = test
    const bounds = defined(this.#records[header.region], 'what a card with pages computes')
    const dispatch = readDispatch(frame, { bytes, header, bounds })
    const owners = new Uint8Array(dispatch.pairs).fill(card)
    const job = this.#job(dispatch, bytes, { header, bounds, owners, now })
    this.pool.giveBack(frame)
    this.#tests.add(job)
    this.#queue.add(job)
  }

  isTest(job: Job): boolean {
    return this.#tests.has(job)
  }

  isIdle(card: number): boolean {
    return this.#queue.isIdle(card)
  }

  isComputing(card: number): boolean {
    return this.#queue.sent(card) !== undefined
  }

  /** Sends a card that has nothing to compute the next it can; gives those it no longer can. */
  send(card: number, now: number): Failed[] {
    const failed: Failed[] = []
    const isReady = (part: Part): boolean => this.#isThere(part)
    for (let part = this.#queue.next(card, { now, isReady }); part; ) {
      const error = this.#whyNot(part)
      if (error === undefined) {
        this.#options.outbox.toCard(card, { buffer: part.frame, bytes: part.bytes })
        return failed
      }
      failed.push({ job: part.job, error })
      this.#queue.finish(card)
      part = this.#queue.next(card, { now, isReady })
    }
    return failed
  }

  /**
   * A card has computed something: the answer for the head when that was the last part, or the test
   * that this was. @throws SputnikError CARD_FAILED when nobody asked for it
   */
  answered(
    card: number,
    frame: ReceivedFrame,
  ): { answer?: ReceivedFrame | undefined; test?: Job | undefined } {
    this.#reuse()
    const part = this.#queue.sent(card)?.part
    if (part?.job.isAnswer(part, frame) !== true) {
      throw new SputnikError('CARD_FAILED', `card ${card} answers what it was not asked`)
    }
    this.#queue.finish(card)
    const { job } = part
    const answer = this.#queue.take(part, frame)
    if (this.#tests.delete(job)) return { test: job }
    if (answer !== undefined && answer !== frame) this.#answer = answer.buffer
    return { answer }
  }

  /** The job of the part that a card says it cannot compute. */
  refused(card: number): Job {
    return defined(this.#queue.finish(card), 'what a card computes').job
  }

  end(job: Job): void {
    this.#tests.delete(job)
    this.#queue.end(job)
  }

  /** What it was asked it is asked again when it is back. */
  cardLost(card: number): Failed[] {
    const failed = this.#queue.cardLost(card)
    return failed === undefined ? [] : [failed]
  }

  /** What waits for pages that are gone, once the others it waits for are there or gone as well. */
  pagesGone(): Failed[] {
    return this.#queue.giveUp((part) => (this.#isThere(part) ? this.#whyNot(part) : undefined))
  }

  /** Cards that compute for too long. */
  silent(now: number): number[] {
    return this.#options.table.cards.flatMap((_, card) => {
      const since = this.#queue.sent(card)?.since
      return since !== undefined && now - since > COMPUTE_MS ? [card] : []
    })
  }

  #job(
    dispatch: Dispatch,
    bytes: number,
    { header, bounds, owners, now }: Omit<JobOptions, 'pool' | 'departures'>,
  ): Job {
    const { departures } = this.#options.table
    return new Job(dispatch, bytes, { header, bounds, owners, now, pool: this.pool, departures })
  }

  /** Pages may have gone since a dispatch came, by the wish of the head or without it. */
  #whyNot({ job, card, experts }: Part): SputnikError | undefined {
    const { table } = this.#options
    if (table.departures === job.departures) return undefined
    const { region } = job.header
    const gone = experts.find((expert) => table.holder(region, expert) !== card)
    return gone === undefined ? undefined : notMapped(region, gone)
  }

  /** Whether all pages of a part are on its card: one that came back has some of them first. */
  #isThere({ job, card, experts }: Part): boolean {
    const { table } = this.#options
    if (table.restoringOf(card) === 0) return true
    const { region } = job.header
    return experts.every((expert) => !table.isRestoring(table.pageAt(region, expert)))
  }

  /** Valid until the next call. @throws SputnikError PAGE_NOT_MAPPED */
  #ownersOf({ frame, experts, pairs }: Dispatch, region: number): Uint8Array {
    if (this.#owners.length < pairs) this.#owners = new Uint8Array(2 * pairs)
    for (let pair = 0; pair < pairs; pair++) {
      const expert = frame.u16[experts + pair] ?? 0
      const card = this.#options.table.holder(region, expert)
      if (card < 0) throw notMapped(region, expert)
      this.#owners[pair] = card
    }
    return this.#owners.subarray(0, pairs)
  }

  #reuse(): void {
    if (this.#answer !== undefined) this.pool.giveBack(this.#answer)
    this.#answer = undefined
  }
}

function notMapped(region: number, expert: number): SputnikError {
  const text = `expert ${expert} of region ${region} is not on this domain`
  return new SputnikError('PAGE_NOT_MAPPED', text, { region, expert })
}

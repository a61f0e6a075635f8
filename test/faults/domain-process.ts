/**
 * The process of a domain from its start to its end: the real domain with integer cards, driven as
 * its real loop drives it. Ends when its head is gone; then another is started.
 */
import { defined } from '../../src/base/assert.js'
import { Domain } from '../../src/domain/domain.js'
import type { DomainMessage } from '../../src/domain/outbox.js'
import type { SupplyAnswer } from '../../src/domain/supply.js'
import { goneSchema, type LoadRegion, type PageAt, readControl } from '../../src/fabric/control.js'
import { Credits } from '../../src/fabric/credits.js'
import type { DataLink } from '../../src/fabric/data-link.js'
import { FRAME, readHeader } from '../../src/fabric/frame.js'
import type { ReceivedFrame } from '../../src/fabric/link.js'
import { checkCredit } from './checks.js'
import { IntegerCard } from './integer-card.js'
import type { IntegerModel, IntegerRegion } from './integer-model.js'
import { PageSupply } from './page-supply.js'
import { type DomainPlan, tierOf } from './scenario.js'
import type { Session } from './session.js'
import type { Sim } from './sim.js'
import { SimProcess } from './sim-process.js'

export type DomainProcessOptions = {
  readonly sim: Sim
  readonly model: IntegerModel
  /** Of its node. */
  readonly index: number
  readonly plan: DomainPlan
  /** What is in each page of its cache. */
  readonly disk: Map<string, number>
  /** The head is gone, or a card cannot start. */
  readonly onEnd: (process: DomainProcess) => void
}

const TICK_MS = 20
const IDLE_TICK_MS = 400
const LOOKS_PER_CHECK = 16

export class DomainProcess extends SimProcess {
  readonly credits = new Credits({ isStanding: true, now: () => this.now() })
  readonly supply: PageSupply
  readonly #options: DomainProcessOptions
  readonly #speeds: { fixedMs: number; pairMs: number }[]
  readonly #cards: IntegerCard[]
  #domain: Domain | undefined
  #session: Session | undefined
  #isOver = false
  #hasJoined = false
  #looks = 0
  #isTickDue = false
  /** When it looks next, if nothing comes before. */
  #lookMs = Number.POSITIVE_INFINITY
  /** A card was lost and not all of its pages are back. */
  #isShaken = false
  /** What came from cards and supply while the process was stopped. */
  #missed: (() => void)[] = []
  /** Pages that are gone, or were; the head may not know yet. */
  readonly #gone = new Set<string>()
  readyMs: number | undefined

  constructor(options: DomainProcessOptions) {
    super(options.sim)
    const { sim, model, plan, disk } = options
    this.#options = options
    this.#speeds = plan.cards.map(({ fixedMs, pairMs }) => ({ fixedMs, pairMs }))
    this.supply = new PageSupply({
      ...{ sim, model, plan, disk },
      answer: (answers, badPages) => this.#hear(() => this.#supplied(answers, badPages)),
    })
    this.#cards = plan.cards.map((_, card) => this.#newCard(card))
  }

  get session(): Session | undefined {
    return this.#session
  }

  get cards(): readonly IntegerCard[] {
    return this.#cards
  }

  /** Whether all cards are there, with the pages they are to have. */
  get isWhole(): boolean {
    return !this.#isOver && !this.#isShaken
  }

  /** Whether a page is gone that was here, and not from the cards to which it came back. */
  hasLost(region: number, expert: number): boolean {
    const key = `${region}.${expert}`
    if (this.#cards.some((card) => card.has(region, expert))) this.#gone.delete(key)
    return this.#gone.has(key)
  }

  /** Times as slow as they were made. */
  slowDown(factor: number): void {
    this.#speeds.forEach((speed, card) => {
      const made = this.#options.plan.cards[card]
      speed.fixedMs = (made?.fixedMs ?? 0) * factor
      speed.pairMs = (made?.pairMs ?? 0) * factor
    })
  }

  /** The head has let it in: the cards are loaded. */
  joined(session: Session): void {
    const { model, plan } = this.#options
    this.#session = session
    const slots = model.regions.map(({ experts }) => experts)
    const cards = plan.cards.map(({ memoryBytes }, at) => {
      return { tier: tierOf(at), memoryBytes, slots, device: `card${at}`, threads: 1 } as const
    })
    const load = { files: [], regions: model.regions.map(loadRegion) }
    this.#domain = new Domain({ load, cards, pid: 1, now: this.now() })
    for (const card of this.#cards) card.start()
    this.#look()
  }

  /** Somebody wants it to end. */
  leave(): void {
    this.#hear(() => {
      if (this.#hasJoined) this.#domain?.leave(this.now())
      else this.#end()
    })
  }

  /** Nothing of it happens any more; `isSilent`: its whole machine is gone. */
  crash({ isSilent }: { isSilent: boolean }): void {
    if (this.#isOver) return
    this.#isOver = true
    this.sim.note('domain ends', this.#options.index)
    for (const card of this.#cards) card.crash()
    this.supply.close()
    this.#session?.crash('domain', { isSilent })
    this.#session = undefined
  }

  /** One card ends; the domain hears of it. */
  crashCard(card: number): void {
    const lost = this.#cards[card]
    if (lost?.isAlive !== true) return
    this.sim.note('card crashes', this.#options.index, card)
    lost.crash()
    this.#isShaken = true
    this.#hear(() => {
      if (this.#cards[card] === lost) this.#domain?.cardLost(card, this.now())
    })
  }

  override wake(): void {
    this.#look()
  }

  /** What it does when something may have happened. */
  #look(): void {
    if (!this.isRunning || this.#isOver || this.#domain === undefined) return
    const missed = this.#missed
    this.#missed = []
    for (const act of missed) act()
    this.#lookAtHead(this.#domain)
    if (this.#isOver) return
    this.#flush()
    if (++this.#looks % LOOKS_PER_CHECK === 0) checkCredit(this.credits)
    if (this.#domain.failure !== undefined || this.#domain.hasLeft) this.#end()
    else this.#noteWhole(this.#domain)
    this.#tickLater(this.#domain)
  }

  #noteWhole({ isLoaded, isMoving }: Domain): void {
    const areAlive = this.#cards.every(({ isAlive }) => isAlive)
    if (areAlive && isLoaded && !isMoving) this.#isShaken = false
  }

  #lookAtHead(domain: Domain): void {
    const link = this.#session?.link('domain')
    if (link === undefined || !this.#isServing(domain)) return
    for (let frame = link.poll(); frame !== undefined; frame = link.poll()) {
      if (frame === 'gone') {
        this.#end()
        return
      }
      domain.receive(frame, this.now())
      this.#flush()
    }
    this.#lookAgain(link)
  }

  /** Nobody looks at the head before the cards are loaded. */
  #isServing(domain: Domain): boolean {
    if (this.#hasJoined) return true
    if (!domain.isLoaded) return false
    this.#hasJoined = true
    this.readyMs = this.sim.nowMs
    domain.joined(this.now())
    this.#flush()
    return true
  }

  /** What is not due soon can wait for the next tick. */
  #lookAgain({ waits, backlogBytes }: DataLink): void {
    const { limitMs = Number.POSITIVE_INFINITY } = waits
    const isSoon = backlogBytes > 0 || limitMs < TICK_MS
    if (isSoon && limitMs < IDLE_TICK_MS) this.#lookAfter(Math.max(limitMs, LIMIT_MS_MIN))
  }

  #lookAfter(ms: number): void {
    const atMs = this.sim.nowMs + ms
    if (atMs >= this.#lookMs) return
    this.#lookMs = atMs
    this.sim.after(ms, () => {
      if (this.#lookMs !== atMs) return
      this.#lookMs = Number.POSITIVE_INFINITY
      this.#look()
    })
  }

  #end(): void {
    this.crash({ isSilent: false })
    this.#options.onEnd(this)
  }

  #tickLater({ isMoving, isLoaded }: Domain): void {
    if (this.#isTickDue || this.#isOver) return
    this.#isTickDue = true
    this.sim.after(isMoving || !isLoaded || this.#isShaken ? TICK_MS : IDLE_TICK_MS, () => {
      this.#isTickDue = false
      if (this.isRunning && !this.#isOver) this.#domain?.tick(this.now())
      this.#look()
    })
  }

  #hear(act: () => void): void {
    if (this.#isOver) return
    if (!this.isRunning) this.#missed.push(act)
    else {
      act()
      this.#look()
    }
  }

  #supplied(answers: readonly SupplyAnswer[], badPages: number): void {
    this.#domain?.supplied(answers, { badPages, now: this.now() })
  }

  #flush(): void {
    for (const message of this.#domain?.takeOutbox() ?? []) this.#do(message)
  }

  #do(message: DomainMessage): void {
    if (message.to === 'head') {
      this.#noteGone(message.frame)
      this.#session?.link('domain').send(message.frame.buffer, message.frame.bytes)
    } else if (message.to === 'card') this.#cards[message.card]?.receive(message.frame)
    else if (message.to === 'restart') this.#restart(message.card)
    else if (message.to !== 'release') this.supply[message.to](message.pages)
  }

  #restart(card: number): void {
    this.sim.counts.add('cards restarted')
    this.#cards[card]?.crash()
    const fresh = this.#newCard(card)
    this.#cards[card] = fresh
    fresh.start()
  }

  #newCard(at: number): IntegerCard {
    const { sim, model } = this.#options
    const card: IntegerCard = new IntegerCard({
      ...{ sim, model },
      speed: defined(this.#speeds[at], 'a speed'),
      isReadable: (page) => this.#isReadable(page),
      say: (frame) => {
        if (this.#cards[at] === card) this.#hearCard(at, frame)
      },
    })
    return card
  }

  /** Whether a card finds the page; one that it had and does not find is gone. */
  #isReadable(page: PageAt): boolean {
    const isReadable = this.supply.isReadable(page)
    if (!isReadable) this.#gone.add(`${page.region}.${page.expert}`)
    return isReadable
  }

  #noteGone({ buffer, bytes }: ReceivedFrame): void {
    if (readHeader(buffer.view).kind !== FRAME.gone) return
    const { pages } = readControl(buffer.bytes.subarray(0, bytes), goneSchema)
    this.sim.counts.add('pages gone', pages.length)
    this.sim.note('pages gone', this.#options.index, pages.length)
    for (const { region, expert } of pages) this.#gone.add(`${region}.${expert}`)
  }

  #hearCard(card: number, frame: ReceivedFrame): void {
    this.#hear(() => this.#domain?.receiveCard(card, frame, this.now()))
  }
}

/** Sooner than this nobody comes back to it. */
const LIMIT_MS_MIN = 0.05

function loadRegion({ experts, pageBytes }: IntegerRegion, layer: number): LoadRegion {
  const tensor = { name: 'up', role: 'up', kind: 'weight', typeId: 0 } as const
  const tensors = [{ ...tensor, shape: [1], sliceBytes: pageBytes, file: 0, offset: 0 }]
  return { layer, group: '', experts, tensors, pages: [] }
}

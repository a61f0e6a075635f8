/**
 * The head: the real fleet and the real loop of its steps, which waits by letting the simulation go
 * on. Domains are let in and people are heard between steps, as in a process with one main thread.
 */

import { SputnikError } from '../../src/base/errors.js'
import { type Reply, StepLoop } from '../../src/engine/step-loop.js'
import { Credits } from '../../src/fabric/credits.js'
import { PROTOCOL_VERSION } from '../../src/fabric/frame.js'
import type { Join } from '../../src/fabric/handshake-messages.js'
import type { RegionCall } from '../../src/fleet/dispatcher.js'
import { Fleet } from '../../src/fleet/fleet.js'
import type { MemberInfo, MemberState } from '../../src/fleet/member.js'
import { RemoteDomain } from '../../src/fleet/remote-domain.js'
import { checkCredit } from './checks.js'
import type { DomainNode } from './domain-node.js'
import type { DomainProcess } from './domain-process.js'
import { logInto, TracedNews } from './head-log.js'
import type { IntegerModel } from './integer-model.js'
import { OwnCard } from './own-card.js'
import type { Scenario } from './scenario.js'
import { Session } from './session.js'
import type { Sim } from './sim.js'
import { SimProcess } from './sim-process.js'
import { must } from './violation.js'

/** Thrown out of a step whose head has ended. */
export class HeadEnded extends Error {}

export type HeadNodeOptions = {
  readonly sim: Sim
  readonly model: IntegerModel
  readonly scenario: Scenario
  readonly evicted: Set<string>
  /** Checks that are made now and then. */
  readonly onTurn: () => void
}

/** Between two looks while a step waits, at first and later. */
const STEP_TICK_MS = 4
const STEP_TICK_MS_MAX = 20
const IDLE_TICK_MS = 20
const QUIET_TICK_MS = 200
const TURNS_PER_CHECK = 16
/** The loop looks at its clock once in so many looks. */
const LOOKS = 8
/** Sooner than this nobody comes back to a link. */
const LIMIT_MS_MIN = 0.05
const IN: ReadonlySet<MemberState> = new Set(['ready', 'suspect', 'draining'])

export class HeadNode extends SimProcess {
  readonly fleet: Fleet
  readonly loop: StepLoop
  readonly own: readonly OwnCard[]
  readonly sessions = new Map<number, Session>()
  /** Node ids, as kept on disk. */
  readonly evicted: Set<string>
  readonly #options: HeadNodeOptions
  readonly #credits = new Credits({ isStanding: false, now: () => this.now() })
  /** What waits for the end of a step: nodes at the door, commands of people. */
  #waiting: (() => void)[] = []
  readonly #processes = new Map<number, DomainProcess>()
  readonly #atDoor = new Map<DomainNode, DomainProcess>()
  #struckMs = 0
  #isWoken = false
  #isEnded = false
  #looks = 0
  /** Times that domains were asked in a step. */
  #asks = 0
  #turns = 0
  #tickMs = STEP_TICK_MS

  constructor(options: HeadNodeOptions) {
    super(options.sim)
    const { sim, scenario, model } = options
    this.#options = options
    this.evicted = options.evicted
    this.own = scenario.ownCards.map((plan, id) => {
      const wake = (): void => this.wake()
      return new OwnCard({ sim, id, model, plan, wake, block: (ms) => this.#block(ms) })
    })
    this.fleet = this.#newFleet()
    this.loop = this.#newLoop()
    this.fleet.learn(model.records)
    if (this.own.length > 0) this.#fillOwn()
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** The node as the fleet knows it now, when it is in it. */
  memberOf(node: DomainNode): MemberInfo | undefined {
    const member = this.fleet.members.find(({ nodeId }) => nodeId === node.nodeId)
    if (member === undefined || !IN.has(member.state)) return undefined
    const session = this.sessions.get(this.fleet.idOf(member))
    return session !== undefined && session === node.session ? member : undefined
  }

  isJoined(nodeId: string): boolean {
    return this.fleet.joined.some((domain) => domain.nodeId === nodeId)
  }

  override wake(): void {
    this.#isWoken = true
  }

  /** Something has gone wrong somewhere. */
  struck(): void {
    this.#struckMs = this.runningMs()
  }

  /** How long it has been running since then, or since the last fault. */
  sinceMs(ms: number): number {
    return this.runningMs() - Math.max(ms, this.#struckMs)
  }

  /** The process ends at once; whoever it computes for hears it from `compute`. */
  end(): void {
    this.#isEnded = true
    for (const session of this.sessions.values()) session.crash('head', { isSilent: false })
    for (const [node, process] of this.#atDoor) node.refused(process, { isFinal: false })
    for (const card of this.own) card.crash()
  }

  /** Between steps. */
  soon(act: () => void): void {
    this.#waiting.push(act)
    this.wake()
  }

  /** A node has proved who it is. */
  admit(node: DomainNode): void {
    const { process } = node
    if (process === undefined) return
    if (this.evicted.has(node.nodeId)) {
      this.sim.counts.add('refused NODE_EVICTED')
      node.refused(process, { isFinal: true })
      return
    }
    this.#atDoor.set(node, process)
    this.soon(() => {
      this.#atDoor.delete(node)
      if (node.process === process) this.#admit(node, process)
    })
  }

  /** @throws SputnikError as a step does; HeadEnded */
  compute(call: RegionCall): void {
    const { counts } = this.sim
    const before = this.#hedges()
    this.#tickMs = STEP_TICK_MS
    this.#asks = 0
    try {
      this.loop.compute(call)
    } finally {
      counts.add('hedges', Math.max(0, this.#hedges() - before))
      if (this.#asks > 1) counts.add('asked again', this.#asks - 1)
    }
  }

  #hedges(): number {
    const { domains, estimates } = this.fleet
    return domains.reduce((sum, _, id) => sum + estimates.counts(id).hedges, 0)
  }

  /** Until a time, or until something is so. */
  idle(untilMs: number, isDone: () => boolean = () => false): void {
    while (this.sim.isBefore(untilMs) && !isDone()) {
      this.#runWaiting()
      const isMoving = this.fleet.moving > 0 || this.fleet.toMove > 0 || this.fleet.orphans > 0
      const tickMs = isMoving ? IDLE_TICK_MS : QUIET_TICK_MS
      this.#turn(Math.min(untilMs, this.sim.nowMs + tickMs))
      this.loop.idle()
      this.#options.onTurn()
    }
  }

  #admit(node: DomainNode, process: DomainProcess): void {
    const { sim } = this.#options
    const session = this.#connect(node, process)
    const link = session.link('head')
    try {
      const id = this.fleet.admit(node.nodeId, this.now())
      const join = joinOf(node)
      const now = (): number => this.now()
      this.fleet.add(
        new RemoteDomain({ id, nodeId: node.nodeId, address: '', join, link, now }),
        this.now(),
      )
      this.sessions.set(id, session)
      this.#processes.set(id, process)
      sim.counts.add('joined')
      sim.note('joined', id, node.index)
    } catch (error) {
      if (!(error instanceof SputnikError)) throw error
      sim.counts.add(`refused ${error.code}`)
      sim.note(`refused ${error.code}`, node.index)
      link.close(error)
    }
    process.joined(session)
  }

  #connect({ wires, plan }: DomainNode, process: DomainProcess): Session {
    const { sim } = this.#options
    return new Session({
      ...{ sim, wires, number: sim.number(), bufferBytes: plan.bufferBytes },
      ends: {
        head: { process: this, credits: this.#credits },
        domain: { process, credits: process.credits },
      },
    })
  }

  /** Nobody is thrown out for what is the head's own fault. */
  #checkLoss(id: number, reason: string): void {
    const isWhole = this.#processes.get(id)?.isWhole ?? false
    const isUnasked = reason === 'it answered something else'
    const isMissing = isWhole && /is not on this domain|not on this card/.test(reason)
    must(!isUnasked, 'a domain answers what it was asked', () => `domain ${id}`)
    must(!isMissing, 'a domain has what it is asked for', () => `domain ${id}: ${reason}`)
  }

  #runWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const act of waiting) act()
  }

  /** Lets the simulation go on until something comes for this process, or until then. */
  #turn(latestMs: number): void {
    let untilMs = Math.min(latestMs, this.sim.nowMs + this.#limitMs())
    this.#isWoken = false
    while (this.sim.turn(untilMs) || !this.isRunning) {
      if (this.#isEnded) throw new HeadEnded('the head has ended')
      if (this.#isWoken && this.isRunning) return
      if (!this.isRunning) untilMs = Math.max(untilMs, this.sim.nowMs + STEP_TICK_MS)
    }
    if (++this.#turns % TURNS_PER_CHECK === 0) checkCredit(this.#credits)
  }

  /** How long no link needs to be looked at. */
  #limitMs(): number {
    let least = Number.POSITIVE_INFINITY
    for (const domain of this.fleet.domains) {
      least = Math.min(least, domain?.link?.waits.limitMs ?? Number.POSITIVE_INFINITY)
    }
    return Math.max(least, LIMIT_MS_MIN)
  }

  /** What a step does while it waits: every so often the loop looks at its clock. */
  #yield(): void {
    this.#looks++
    if (this.#looks % LOOKS !== 0) return
    this.#turn(this.sim.nowMs + this.#tickMs)
    this.#tickMs = this.#isWoken ? STEP_TICK_MS : Math.min(STEP_TICK_MS_MAX, this.#tickMs * 1.5)
    this.#options.onTurn()
  }

  #block(ms: number): void {
    const untilMs = this.sim.nowMs + ms
    while (this.sim.turn(untilMs)) if (this.#isEnded) throw new HeadEnded('the head has ended')
  }

  /** As the door of a head does. */
  #expect(replies: readonly Reply[]): void {
    this.#asks++
    const asked = replies.flatMap(({ domain: id, transfer, bytes }) => {
      const domain = this.fleet.domains[id]
      return domain instanceof RemoteDomain ? [{ peer: domain.peer, transfer, bytes }] : []
    })
    this.#credits.request(asked, this.now())
  }

  #newFleet(): Fleet {
    const { regions, replicas, ownCards } = this.#options.scenario
    const [card] = ownCards
    return new Fleet(
      {
        ...{ regions, replicas, own: this.own },
        ownBytes: card?.memoryBytes ?? 0,
        isSpare: this.#options.scenario.isSpare,
        placement: regions.map(({ experts }) =>
          new Array<number>(experts).fill(card === undefined ? -1 : 0),
        ),
        log: logInto(this.sim),
        news: new TracedNews(this.sim, (id, reason) => this.#checkLoss(id, reason)),
      },
      this.now(),
    )
  }

  /** It began with all pages. */
  #fillOwn(): void {
    const { regions } = this.#options.scenario
    const pages = regions.flatMap(({ experts }, region) =>
      Array.from({ length: experts }, (_, expert) => ({ region, expert })),
    )
    this.own[0]?.load(pages)
  }

  #newLoop(): StepLoop {
    const { isSummed } = this.#options.scenario
    return new StepLoop({
      fleet: this.fleet,
      format: { dispatch: 'f32', combine: 'f32', isSummed },
      ownCount: this.own.length,
      spinUs: Number.POSITIVE_INFINITY,
      yield: () => this.#yield(),
      now: () => this.now(),
      expect: (replies) => this.#expect(replies),
    })
  }
}

function joinOf({ nodeId, index, plan }: DomainNode): Join {
  const cards = plan.cards.map(({ memoryBytes }) => ({ device: 'cpu', memoryBytes }))
  const rest = { key: null, modelHash: null, cards }
  return { type: 'join', protocol: PROTOCOL_VERSION, nodeId, name: `node-${index}`, ...rest }
}

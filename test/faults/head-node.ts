/**
 * The head: the real fleet and the real loop of its steps, which waits by letting the simulation go
 * on. People are heard between steps, as in a process with one main thread.
 */
import { type Reply, StepLoop } from '../../src/engine/step-loop.js'
import { Credits } from '../../src/fabric/credits.js'
import { Fleet } from '../../src/fleet/fleet.js'
import type { MemberInfo, MemberState } from '../../src/fleet/member.js'
import type { RegionCall } from '../../src/fleet/region-call.js'
import { RemoteDomain } from '../../src/fleet/remote-domain.js'
import { checkCredit } from './checks.js'
import type { DomainNode } from './domain-node.js'
import { HeadDoor } from './head-door.js'
import { logInto, TracedNews } from './head-log.js'
import type { IntegerModel } from './integer-model.js'
import { OwnCard } from './own-card.js'
import type { Scenario } from './scenario.js'
import type { Sim } from './sim.js'
import { SimProcess } from './sim-process.js'

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
  readonly door: HeadDoor
  readonly #options: HeadNodeOptions
  readonly #credits = new Credits({ isStanding: false, now: () => this.now() })
  /** What waits for the end of a step. */
  #waiting: (() => void)[] = []
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
    const { evicted } = options
    this.door = new HeadDoor({ sim, process: this, credits: this.#credits, evicted })
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
    const guest = this.door.guest(this.fleet.idOf(member))
    return guest !== undefined && guest.session === node.session ? member : undefined
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
    this.door.end()
    for (const card of this.own) card.crash()
  }

  /** Between steps. */
  soon(act: () => void): void {
    this.#waiting.push(act)
    this.wake()
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
        news: new TracedNews(this.sim, (id, reason) => this.door.checkLoss(id, reason)),
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
      hear: () => this.door.open(this.fleet),
    })
  }
}

/**
 * One seed from beginning to end: machines join, steps are computed while things go wrong, then
 * nothing goes wrong any more and everything has to be as it should.
 */
import { defined } from '../../src/base/assert.js'
import { SputnikError } from '../../src/base/errors.js'
import {
  checkAgreement,
  checkBounds,
  checkPlaced,
  checkTables,
  hasRoomForAll,
  isPlaced,
} from './checks.js'
import type { Counts } from './counts.js'
import { DomainNode } from './domain-node.js'
import { mendAll, type Patient, strike } from './faults.js'
import { HeadEnded, HeadNode } from './head-node.js'
import { drawCall, faultOf, type IntegerModel, makeModel } from './integer-model.js'
import { Wire } from './network.js'
import { drawScenario, type Scenario } from './scenario.js'
import { Sim } from './sim.js'
import { must, Violation } from './violation.js'

/** The rule that was broken, how, and what happened before. */
export type Violated = {
  readonly rule: string
  readonly text: string
  readonly last: readonly string[]
}

export type Outcome = {
  readonly seed: number
  readonly hash: number
  readonly counts: Counts
  readonly violation?: Violated
}

/** A step that fails does so within this of its beginning, or of the last fault in it. */
const FAIL_MS = 10_000
/** The fleet is whole again within this after the last fault. */
const SETTLE_MS = 120_000
/** Before the first step. */
const BEGIN_MS = 10_000
const NOTICE_MS = 500
/** A lease that nobody renewed has ended by then. */
const SILENT_MS = 4500
/** What is asked has been done by then. */
const QUIET_MS = 1000
const LOOK_MS = 20
const FIRST_STEPS = 1
/** Those that are there from the beginning are started. */
const STARTED_MS = 500
const LAST_STEPS = 2
const DOOR_MS = 5000

export class Simulation implements Patient {
  readonly sim: Sim
  readonly scenario: Scenario
  readonly nodes: readonly DomainNode[]
  readonly #model: IntegerModel
  #head: HeadNode | undefined
  readonly evicted = new Set<string>()
  #endMs = 0
  #turns = 0
  #lookMs = 0
  #wasPlaced = false

  constructor(seed: number, write?: (line: string) => void) {
    this.sim = new Sim(seed, write)
    this.scenario = drawScenario(this.sim)
    const { regions, width, domains } = this.scenario
    this.#model = makeModel(regions, width)
    this.nodes = domains.map((_, index) => this.#newNode(index))
    this.#startHead()
  }

  get head(): HeadNode | undefined {
    return this.#head
  }

  /** @throws Violation */
  run(): void {
    const { sim, scenario } = this
    for (const node of this.nodes) {
      if (!node.plan.isLate) sim.after(sim.between(0, 500), () => node.start())
    }
    this.#idle(STARTED_MS)
    this.#idle(BEGIN_MS, () => this.#isPlaced())
    this.#checkPeace()
    const { faults, faultMs } = scenario
    for (let fault = 0; fault < faults; fault++) {
      sim.after(sim.between(0, faultMs), () => strike(this))
    }
    this.lastsFor(faultMs)
    for (let step = 0; step < scenario.steps && sim.isBefore(this.#endMs); step++) {
      this.#idle(sim.between(0, 2 * scenario.gapMs))
      this.#step()
    }
    while (sim.isBefore(this.#endMs)) this.#idle(this.#endMs - sim.nowMs)
    mendAll(this)
    this.#settle()
  }

  /** Nothing has gone wrong yet, so nobody may be lost, and a step is computed. */
  #checkPeace(): void {
    const { counts } = this.sim
    must(this.#isPlaced(), 'the fleet is whole in time', () => 'it has not come together')
    for (let step = 0; step < FIRST_STEPS; step++) this.#step()
    const names = ['news lost', ...(hasRoomForAll(this) ? ['asked again', 'steps failed'] : [])]
    const bad = names.filter((name) => counts.of(name) > 0)
    must(bad.length === 0, 'nothing is lost without a fault', () => bad.join(', '))
  }

  lastsFor(ms: number): void {
    this.#endMs = Math.max(this.#endMs, this.sim.nowMs + ms)
  }

  restartHead(afterMs: number): void {
    const head = this.#head
    if (head === undefined) return
    this.#head = undefined
    head.end()
    this.sim.after(afterMs, () => this.#startHead())
  }

  #startHead(): void {
    const { sim, scenario } = this
    sim.note('head starts')
    const onTurn = (): void => this.#turned()
    this.#head = new HeadNode({
      ...{ sim, model: this.#model, scenario, onTurn },
      evicted: this.evicted,
    })
  }

  #newNode(index: number): DomainNode {
    const { sim } = this
    const plan = defined(this.scenario.domains[index], 'a domain')
    const wires = { head: new Wire(sim, plan.wire), domain: new Wire(sim, plan.wire) }
    return new DomainNode({
      ...{ sim, model: this.#model, index, plan, wires },
      join: (node) => this.#knock(node),
    })
  }

  /** Three ways there and back before a node is known. */
  #knock(node: DomainNode): void {
    const { head, domain } = node.wires
    const { process } = node
    const isDeaf = head.isCut || domain.isCut
    this.sim.after(isDeaf ? DOOR_MS : 3 * (head.delayMs + domain.delayMs), () => {
      if (isDeaf || this.#head === undefined) node.refused(process, { isFinal: false })
      else if (process !== undefined && process === node.process) this.#head.door.arrive(node)
    })
  }

  /** While there is no head, time passes anyway. */
  #idle(ms: number, isDone?: () => boolean): void {
    const untilMs = this.sim.nowMs + ms
    while (this.sim.isBefore(untilMs) && isDone?.() !== true) {
      if (this.#head === undefined) this.sim.turn(untilMs)
      else this.#with(this.#head, (head) => head.idle(untilMs, isDone))
    }
  }

  /** False when the head ended over it. */
  #with(head: HeadNode, act: (head: HeadNode) => void): boolean {
    try {
      act(head)
      return true
    } catch (error) {
      if (!(error instanceof HeadEnded)) throw error
      return false
    }
  }

  #step(): void {
    const head = this.#head
    if (head === undefined) return
    const { sim } = this
    checkAgreement(this)
    const call = drawCall(this.#model, sim.prng)
    const beganMs = head.runningMs()
    sim.counts.add('steps')
    sim.note('step begins', call.region, call.choice.tokens)
    try {
      if (!this.#with(head, () => head.compute(call))) sim.counts.add('steps ended with their head')
      else this.#checkSums(call)
    } catch (error) {
      if (!(error instanceof SputnikError)) throw error
      this.#failed(error, head.sinceMs(beganMs))
    }
  }

  #checkSums(call: Parameters<typeof faultOf>[0]): void {
    const fault = faultOf(call)
    must(fault === undefined, 'sums are those of the reference', () => fault ?? '')
    this.sim.note('step ends')
  }

  #failed({ code, message }: SputnikError, ms: number): void {
    this.sim.counts.add('steps failed')
    this.sim.counts.add(`steps failed ${code}`)
    this.sim.note(`step fails ${code}`)
    const isRight = code === 'PAGES_LOST' || code === 'CARD_LOST'
    must(isRight, 'a step fails for lost pages or cards', () => `${code}: ${message}`)
    must(ms <= FAIL_MS, 'a step fails soon', () => `after ${ms.toFixed(0)} ms: ${message}`)
  }

  #settle(): void {
    const { sim } = this
    const beganMs = sim.nowMs
    // What is over is not noticed at once.
    this.#idle(sim.counts.of('silent faults') > 0 ? SILENT_MS : NOTICE_MS)
    this.#idle(SETTLE_MS, () => this.#isPlaced())
    const ms = sim.nowMs - beganMs
    sim.note('settled')
    sim.counts.add('settled ms', Math.round(ms))
    checkPlaced(this)
    for (let step = 0; step < LAST_STEPS; step++) this.#lastStep()
    this.#calmDown()
    checkPlaced(this)
    checkAgreement(this)
    checkTables(this)
  }

  /** Cards that are measured late move pages once more, or try to. */
  #calmDown(): void {
    const untilMs = this.sim.nowMs + SETTLE_MS
    for (let before = -1; this.sim.isBefore(untilMs); ) {
      const moves = this.sim.counts.of('news moved')
      if (before === moves && this.#isPlaced()) return
      before = moves
      this.#idle(QUIET_MS)
    }
  }

  #lastStep(): void {
    const { counts } = this.sim
    const before = counts.of('steps failed')
    this.#step()
    const isRight = counts.of('steps failed') === before || !hasRoomForAll(this)
    must(isRight, 'steps finish when faults are over', () => 'it failed')
    this.#idle(20)
  }

  /** Looked at now and then only. */
  #isPlaced(): boolean {
    if (!this.sim.isBefore(this.#lookMs)) {
      this.#lookMs = this.sim.nowMs + LOOK_MS
      this.#wasPlaced = isPlaced(this)
    }
    return this.#wasPlaced
  }

  #turned(): void {
    if (++this.#turns % 64 === 0) checkBounds(this)
  }
}

/** Runs a seed. `write`: told of everything that happens. */
export function runSeed(seed: number, write?: (line: string) => void): Outcome {
  const simulation = new Simulation(seed, write)
  const { sim } = simulation
  try {
    simulation.run()
    return { seed, hash: sim.trace.hash, counts: sim.counts }
  } catch (error) {
    const rule = error instanceof Violation ? error.rule : 'nothing throws'
    const text = error instanceof Violation ? error.message : String((error as Error).stack)
    const violation = { rule, text, last: sim.trace.lastLines() }
    return { seed, hash: sim.trace.hash, counts: sim.counts, violation }
  }
}

/**
 * A serving head in simulated time: requests come, the engine's own scheduler makes steps of them,
 * machines take their time. One event after the other; knows nothing of what its watcher makes of
 * it.
 */
import { assert, defined } from '../../base/assert.js'
import { SputnikError } from '../../base/errors.js'
import { type BatchItem, Scheduler, type SlotMemory } from '../../engine/scheduler.js'
import type { Sequence } from '../../engine/sequence.js'
import { PAGES_MS } from '../../fleet/limits.js'
import { EventHash } from '../event-hash.js'
import type { Machines } from './machines.js'
import type { Request, RequestSource } from './requests.js'
import { type NoteWork, RunningStep } from './running-step.js'
import { apartCost, shapeOf } from './step-shape.js'
import type { StepCost, StepShape } from './step-time.js'

export type Outcome = 'finished' | 'failed' | 'rejected'

/** What became of a request; times that never came are undefined. */
export type RequestRecord = Request & {
  readonly id: number
  readonly outcome: Outcome
  readonly admittedS?: number
  readonly firstTokenS?: number
  readonly endedS: number
  /** Prompt tokens that the KV cache held already. */
  readonly cachedTokens: number
  readonly generatedTokens: number
}

export type StepRecord = {
  readonly shape: StepShape
  readonly beganS: number
  readonly endedS: number
  /** Tokens that came of it. */
  readonly generated: number
}

/** How many requests there are in each state; at any time all that arrived are in one. */
export type Counts = Readonly<Record<'arrived' | 'waiting' | 'running' | Outcome, number>>

export type Watcher = {
  readonly worked: NoteWork
  requestEnded(record: RequestRecord): void
  stepEnded(record: StepRecord): void
  /** After each event. */
  counted(counts: Counts, atS: number): void
}

export type SimulationOptions = {
  /** Sequences at the same time, and most tokens of a step, of a sequence. */
  readonly parallel: number
  readonly batch: number
  readonly contextLength: number
  readonly waitingMax: number
  /** With so many tokens every prompt begins, the same in all. */
  readonly sharedPrefix: number
  readonly requests: RequestSource
  readonly machines: Machines
  readonly watcher: Watcher
}

const PAGES_S = PAGES_MS / 1000

const EVENT = { arrival: 1, step: 2, machines: 3, timeout: 4 } as const

/** Where keys and values lie costs no time here. */
const MEMORY: SlotMemory = { trim: () => true, copy: () => true, clear: () => undefined }

type Live = { readonly request: Request; admittedS?: number; firstTokenS?: number }

type Step = {
  readonly items: readonly BatchItem[]
  readonly shape: StepShape
  readonly running: RunningStep
  /** Pages that nobody holds and that the items need, of each. */
  missing: readonly (readonly number[])[]
  /** When the step gives up waiting for them; Infinity while it does not wait. */
  giveUpS: number
}

export class ServingSimulation {
  readonly #options: SimulationOptions
  readonly #scheduler: Scheduler
  readonly #live = new Map<number, Live>()
  readonly #ended = { finished: 0, failed: 0, rejected: 0 }
  readonly #hash = new EventHash()
  #next: Request | undefined
  #step: Step | undefined
  #arrived = 0
  nowS = 0
  events = 0

  constructor(options: SimulationOptions) {
    const { parallel, batch } = options
    this.#options = options
    this.#scheduler = new Scheduler({
      ...options,
      outputsMax: Math.max(parallel, batch),
      canTrim: true,
      memory: MEMORY,
    })
    this.#next = options.requests.next()
  }

  /** Nothing will happen any more. */
  get isDone(): boolean {
    return this.#next === undefined && !this.#scheduler.hasWork
  }

  get hash(): string {
    return this.#hash.text
  }

  get counts(): Counts {
    const { waitingCount: waiting, runningCount: running } = this.#scheduler
    return { arrived: this.#arrived, waiting, running, ...this.#ended }
  }

  /** At most so many events; false when nothing is left to happen. */
  run(events: number): boolean {
    for (let left = events; left > 0 && !this.isDone; left--) this.#happen()
    return !this.isDone
  }

  /** What ends at a moment comes before what begins then. */
  #happen(): void {
    const { machines } = this.#options
    const endS = this.#step?.running.endS ?? Number.POSITIVE_INFINITY
    const giveUpS = this.#step?.giveUpS ?? Number.POSITIVE_INFINITY
    const arrivalS = this.#next?.arrivalS ?? Number.POSITIVE_INFINITY
    const nowS = Math.min(endS, giveUpS, machines.nextS, arrivalS)
    assert(nowS >= this.nowS && nowS < Number.POSITIVE_INFINITY, 'time stands still')
    this.nowS = nowS
    this.events++
    if (endS === nowS) this.#endStep()
    else if (machines.nextS === nowS) this.#changeMachines()
    else if (giveUpS === nowS) this.#giveUp()
    else this.#arrive()
    if (this.#step === undefined && this.#scheduler.hasWork) this.#beginStep()
    this.#checkCounts()
  }

  #checkCounts(): void {
    const { counts } = this
    const { arrived, waiting, running, finished, failed, rejected } = counts
    const known = waiting + running + finished + failed + rejected
    assert(arrived === known, `${arrived} requests arrived, ${known} are known`)
    this.#options.watcher.counted(counts, this.nowS)
  }

  #arrive(): void {
    const request = defined(this.#next, 'a request')
    const id = this.#arrived++
    this.#next = this.#options.requests.next()
    this.#hash.note(EVENT.arrival, this.nowS, id)
    try {
      const { outputTokens: maxTokens } = request
      const prompt = this.#promptOf(request, id)
      this.#scheduler.add({ id, prompt, maxTokens, wantsPromptLogits: false })
      this.#live.set(id, { request })
    } catch (error) {
      if (!(error instanceof SputnikError)) throw error
      this.#record({ request }, { id, outcome: 'rejected', cachedTokens: 0, generatedTokens: 0 })
    }
  }

  /** Tokens are numbers that no other request has, but for the shared beginning. */
  #promptOf({ promptTokens }: Request, id: number): number[] {
    const prompt = new Array<number>(promptTokens).fill(id)
    const shared = Math.min(this.#options.sharedPrefix, promptTokens)
    for (let at = 0; at < shared; at++) prompt[at] = -1 - at
    return prompt
  }

  #beginStep(): void {
    const { admitted, items } = this.#scheduler.schedule()
    for (const { id } of admitted) this.#liveOf(id).admittedS = this.nowS
    assert(items.length > 0, 'a step without work')
    const step = this.#stepOf(items, (shape) => this.#options.machines.cost(shape))
    this.#step = step
    this.#awaitPages(step)
  }

  #stepOf(items: readonly BatchItem[], costOf: (shape: StepShape) => StepCost): Step {
    const { machines, watcher } = this.#options
    const shape = shapeOf(items)
    const cost = costOf(shape)
    const stallS = machines.takeStall(this.nowS)
    const running = new RunningStep(cost, { now: this.nowS, stallS, note: watcher.worked })
    const giveUpS = Number.POSITIVE_INFINITY
    return { items, shape, running, missing: [], giveUpS }
  }

  /** Holds the step when it needs pages that nobody holds. */
  #awaitPages(step: Step): void {
    const { machines } = this.#options
    const sinceS = machines.orphansSinceS
    if (sinceS === undefined) return
    step.missing = step.items.map(({ count }) => machines.drawMissing(count))
    if (step.missing.every((pages) => pages.length === 0)) return
    step.running.pause(this.nowS)
    step.giveUpS = Math.max(this.nowS, sinceS + PAGES_S)
  }

  #changeMachines(): void {
    const { machines } = this.#options
    const isChanged = machines.tick(this.nowS)
    this.#hash.note(EVENT.machines, this.nowS, Number(isChanged))
    const step = this.#step
    if (!isChanged || step === undefined) return
    const isHeld = step.giveUpS < Number.POSITIVE_INFINITY
    if (isHeld && !step.missing.every((pages) => machines.areHeld(pages))) return
    step.giveUpS = Number.POSITIVE_INFINITY
    const stallS = machines.takeStall(this.nowS)
    step.running.change(machines.cost(step.shape), { now: this.nowS, stallS })
    this.#awaitPages(step)
  }

  /** Each sequence by itself, as the engine does: those that need lost pages fail. */
  #giveUp(): void {
    const { items, missing } = defined(this.#step, 'a step that waits')
    const { machines } = this.#options
    this.#step = undefined
    this.#hash.note(EVENT.timeout, this.nowS, items.length)
    const left = items.filter(({ sequence }, at) => {
      if (machines.areHeld(missing[at] ?? [])) return true
      this.#scheduler.discard(sequence)
      this.#end(sequence, 'failed')
      return false
    })
    if (left.length === 0) return
    this.#step = this.#stepOf(left, () => apartCost(left, (shape) => machines.cost(shape)))
  }

  #endStep(): void {
    const { items, running, shape } = defined(this.#step, 'a step that ends')
    this.#step = undefined
    running.end(this.nowS)
    this.#hash.note(EVENT.step, this.nowS, items.length)
    let generated = 0
    for (const item of items) {
      this.#scheduler.commit(item)
      if (item.outputs === 'none') continue
      generated++
      this.#generate(item.sequence)
    }
    const { beganS } = running
    this.#options.watcher.stepEnded({ shape, beganS, endedS: this.nowS, generated })
  }

  #generate(sequence: Sequence): void {
    const live = this.#liveOf(sequence.id)
    live.firstTokenS ??= this.nowS
    if (!this.#scheduler.append(sequence, sequence.id)) return
    this.#scheduler.finish(sequence)
    this.#end(sequence, 'finished')
  }

  #end({ id, cachedTokens, generated }: Sequence, outcome: Outcome): void {
    const live = this.#liveOf(id)
    this.#live.delete(id)
    this.#record(live, { id, outcome, cachedTokens, generatedTokens: generated })
  }

  #record(
    { request, ...times }: Live,
    about: Pick<RequestRecord, 'id' | 'outcome' | 'cachedTokens' | 'generatedTokens'>,
  ): void {
    this.#ended[about.outcome]++
    this.#options.watcher.requestEnded({ ...request, ...times, ...about, endedS: this.nowS })
  }

  #liveOf(id: number): Live {
    return defined(this.#live.get(id), 'a request that is served')
  }
}

/** What all parts of a simulation share: time, chance, the trace of events, counts. */
import { Prng } from '../../src/base/prng.js'
import { EventQueue } from '../support/event-queue.js'
import { Counts } from './counts.js'
import { Trace } from './trace.js'
import { must } from './violation.js'

const NS_PER_MS = 1e6
/** Far more than any seed needs. */
const TURNS_MAX = 60_000

export class Sim {
  readonly prng: Prng
  readonly trace: Trace
  readonly counts = new Counts()
  readonly #queue = new EventQueue()
  #lastNumber = 0
  #turns = 0

  constructor(seed: number, write?: (line: string) => void) {
    this.prng = Prng.fromSeed(seed)
    this.trace = new Trace(write)
  }

  get nowMs(): number {
    return this.#queue.nowNs / NS_PER_MS
  }

  /** Whether that time is still to come. */
  isBefore(ms: number): boolean {
    return this.#queue.nowNs < Math.round(ms * NS_PER_MS)
  }

  after(delayMs: number, act: () => void): void {
    this.#queue.after(Math.max(0, Math.round(delayMs * NS_PER_MS)), act)
  }

  /** Runs the next event, if there is one by then; otherwise that time has come. */
  turn(untilMs: number): boolean {
    must(++this.#turns < TURNS_MAX, 'a run ends', () => `after ${TURNS_MAX} events`)
    return this.#queue.turn(Math.round(untilMs * NS_PER_MS))
  }

  /** Another each time; they grow. */
  number(): number {
    return ++this.#lastNumber
  }

  note(what: string, a = 0, b = 0): void {
    this.trace.note(this.nowMs, what, a, b)
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.prng.nextFloat() * (to - from)
  }

  chance(share: number): boolean {
    return this.prng.nextFloat() < share
  }
}

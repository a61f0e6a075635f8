/**
 * The network between nodes and their head: a wire per node and direction, and streams on it that
 * keep their order while their connection lives. A cut wire holds what it is given until it is
 * mended, as TCP sends again; what is under way when a connection breaks is gone.
 */
import type { Sim } from './sim.js'
import { must } from './violation.js'

export type WireOptions = {
  readonly delayMs: number
  readonly jitterMs: number
  readonly bytesPerMs: number
}

/** Most messages of one stream under way: senders are bounded by credit and by what they are asked. */
const UNDER_WAY_MAX = 4096

export class Wire {
  readonly #sim: Sim
  readonly #options: WireOptions
  readonly #streams = new Set<{ mended(): void }>()
  #isCut = false
  #freeAtMs = 0
  /** Times as slow as it was made. */
  slowness = 1

  constructor(sim: Sim, options: WireOptions) {
    this.#sim = sim
    this.#options = options
  }

  get isCut(): boolean {
    return this.#isCut
  }

  get delayMs(): number {
    return this.#options.delayMs * this.slowness
  }

  cut(): void {
    this.#isCut = true
  }

  mend(): void {
    this.#isCut = false
    for (const stream of this.#streams) stream.mended()
  }

  add(stream: { mended(): void }): void {
    this.#streams.add(stream)
  }

  remove(stream: { mended(): void }): void {
    this.#streams.delete(stream)
  }

  /** When so many bytes that are sent now arrive. */
  arrivalMs(bytes: number): number {
    const { jitterMs, bytesPerMs } = this.#options
    const begin = Math.max(this.#sim.nowMs, this.#freeAtMs)
    this.#freeAtMs = begin + (bytes * this.slowness) / bytesPerMs
    const jitter = this.#sim.prng.nextFloat() * jitterMs * this.slowness
    return this.#freeAtMs + this.delayMs + jitter
  }
}

/** One direction of a connection. */
export class Stream<Message> {
  readonly #sim: Sim
  readonly #wire: Wire
  readonly #deliver: (message: Message) => void
  #held: Message[] = []
  #underWay = 0
  #lastMs = 0
  #isBroken = false

  constructor(sim: Sim, wire: Wire, deliver: (message: Message) => void) {
    this.#sim = sim
    this.#wire = wire
    this.#deliver = deliver
    wire.add(this)
  }

  /** Messages that were sent and have not arrived. */
  get underWay(): number {
    return this.#isBroken ? 0 : this.#underWay
  }

  send(message: Message, bytes: number): void {
    if (this.#isBroken) return
    this.#underWay++
    must(this.#underWay <= UNDER_WAY_MAX, 'memory is bounded', () => 'a stream holds too much')
    this.#lastMs = Math.max(this.#lastMs, this.#wire.arrivalMs(bytes))
    this.#sim.after(this.#lastMs - this.#sim.nowMs, () => this.#arrive(message))
  }

  /** Nothing arrives any more. */
  break(): void {
    this.#isBroken = true
    this.#held = []
    this.#wire.remove(this)
  }

  mended(): void {
    if (this.#held.length > 0) this.#sim.after(this.#wire.delayMs, () => this.#release())
  }

  #release(): void {
    if (this.#wire.isCut) return
    const held = this.#held
    this.#held = []
    for (const message of held) this.#hand(message)
  }

  #arrive(message: Message): void {
    if (this.#isBroken) return
    if (this.#wire.isCut || this.#held.length > 0) this.#held.push(message)
    else this.#hand(message)
  }

  #hand(message: Message): void {
    if (this.#isBroken) return
    this.#underWay--
    this.#deliver(message)
  }
}

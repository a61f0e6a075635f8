/**
 * Flows that share links as fluids do: at every moment the rates are max-min fair (Bertsekas and
 * Gallager, Data Networks, section 6.5.2), and a message has arrived when its last byte has flowed
 * and travelled the path. What a good transport comes close to; knows nothing of packets, losses
 * and how rates are found.
 */
import { assert } from '../../base/assert.js'
import { Agenda } from './agenda.js'
import type { Message, MessageNetwork } from './network.js'

export type FluidOptions = {
  /** By link, in bytes per second. */
  readonly capacities: readonly number[]
  /** Links between two hosts, in any order. */
  readonly route: (from: number, to: number) => readonly number[]
  /** Bytes on the wire of a message of so many, headers included. */
  readonly wireBytes: (bytes: number) => number
  /** From the sending of the last byte to its arrival, were nothing else on the way. */
  readonly pathS: (message: Message) => number
  /**
   * Whether what a host sends goes in the order in which it was sent, as from a queue: later
   * messages have what earlier ones leave. Otherwise all of them share.
   */
  readonly isInTurn?: boolean
  /** What ends within so much of the time a flow took counts as ending together. */
  readonly tolerance?: number
}

type Flow = {
  readonly links: readonly number[]
  readonly message: Message
  readonly arrived: () => void
  readonly beganS: number
  leftBytes: number
  bytesPerSecond: number
}

export class FluidNetwork implements MessageNetwork {
  readonly #options: FluidOptions
  readonly #tolerance: number
  #flows: Flow[] = []
  readonly #agenda = new Agenda()
  #isStale = false
  nowS = 0

  constructor(options: FluidOptions) {
    this.#options = options
    this.#tolerance = options.tolerance ?? 1e-4
  }

  send(message: Message, arrived: () => void): void {
    const links = this.#options.route(message.from, message.to)
    const leftBytes = this.#options.wireBytes(message.bytes)
    assert(links.length > 0 && leftBytes > 0, 'a flow has a path and bytes')
    this.#flows.push({ links, message, arrived, beganS: this.nowS, leftBytes, bytesPerSecond: 0 })
    this.#isStale = true
  }

  after(delayS: number, act: () => void): void {
    this.#agenda.add(this.nowS + delayS, act)
  }

  run(): void {
    while (this.#flows.length > 0 || this.#agenda.count > 0) {
      if (this.#isStale) this.#share()
      this.#isStale = false
      const flowS = this.#flows.reduce(
        (soonest, { leftBytes, bytesPerSecond }) =>
          bytesPerSecond > 0 ? Math.min(soonest, leftBytes / bytesPerSecond) : soonest,
        Number.POSITIVE_INFINITY,
      )
      this.#advance(Math.min(this.#agenda.next, this.nowS + flowS))
    }
  }

  #share(): void {
    const left = Float64Array.from(this.#options.capacities)
    if (this.#options.isInTurn !== true) shareLinks(this.#flows, left)
    else for (const turn of turnsOf(this.#flows)) shareLinks(turn, left)
  }

  #advance(toS: number): void {
    const passedS = toS - this.nowS
    this.nowS = toS
    const done: Flow[] = []
    this.#flows = this.#flows.filter((flow) => {
      flow.leftBytes -= passedS * flow.bytesPerSecond
      const graceS = this.#tolerance * (toS - flow.beganS)
      if (flow.leftBytes > graceS * flow.bytesPerSecond) return true
      done.push(flow)
      return false
    })
    if (done.length > 0) this.#isStale = true
    for (const { message, arrived } of done) this.after(this.#options.pathS(message), arrived)
    this.#agenda.take(toS)
  }
}

/** The first flows of all hosts, then the second ones, and so on. */
function turnsOf(flows: readonly Flow[]): Flow[][] {
  const sent = new Map<number, number>()
  const turns: Flow[][] = []
  for (const flow of flows) {
    const turn = sent.get(flow.message.from) ?? 0
    sent.set(flow.message.from, turn + 1)
    const others = turns[turn]
    if (others === undefined) turns.push([flow])
    else others.push(flow)
  }
  return turns
}

/**
 * Progressive filling: the link with the least for each of its flows settles those. What is left of
 * the links stays in `left`.
 */
function shareLinks(flows: readonly Flow[], left: Float64Array): void {
  const users = new Uint32Array(left.length)
  const flowsOf = Array.from(left, (): Flow[] => [])
  const unsettled = new Set(flows)
  for (const flow of flows) {
    for (const link of flow.links) {
      users[link] = (users[link] ?? 0) + 1
      flowsOf[link]?.push(flow)
    }
  }
  for (let link = tightest(left, users); link !== undefined; link = tightest(left, users)) {
    const share = (left[link] ?? 0) / (users[link] ?? 1)
    for (const flow of flowsOf[link] ?? []) {
      if (!unsettled.delete(flow)) continue
      flow.bytesPerSecond = share
      for (const one of flow.links) {
        left[one] = Math.max(0, (left[one] ?? 0) - share)
        users[one] = (users[one] ?? 0) - 1
      }
    }
  }
}

function tightest(left: Float64Array, users: Uint32Array): number | undefined {
  let best: number | undefined
  let bestShare = Number.POSITIVE_INFINITY
  users.forEach((count, link) => {
    const share = count === 0 ? Number.POSITIVE_INFINITY : (left[link] ?? 0) / count
    if (share >= bestShare) return
    best = link
    bestShare = share
  })
  return best
}

/**
 * Which of the equal paths a packet takes: always the flow's, as a hash of its addresses would have
 * it (ECMP, RFC 2992), or each packet another one. A host that sprays deals its paths like a pack
 * of cards, shuffled anew each time it is through, so that it loads all of them alike (NDP, section
 * 3).
 */
import { type Prng, shuffle } from '../../base/prng.js'
import { grownInt32 } from './columns.js'

/** Whether all packets of a flow, or not even two of them, go the same way. */
export type Multipath = 'flow' | 'packet'

const FIRST_CAPACITY = 256

export class PathChoice {
  readonly #random: Prng
  readonly #paths: number
  readonly #isSpraying: boolean
  /** By flow. */
  #ofFlow = new Int32Array(FIRST_CAPACITY)
  /** By host: all paths, and how many of them are dealt. */
  readonly #decks: Int32Array
  readonly #dealt: Int32Array

  constructor(
    multipath: Multipath,
    { random, paths, hosts }: { random: Prng; paths: number; hosts: number },
  ) {
    this.#random = random
    this.#paths = paths
    this.#isSpraying = multipath === 'packet'
    const cards = this.#isSpraying ? hosts * paths : 0
    this.#decks = Int32Array.from({ length: cards }, (_, i) => i % paths)
    this.#dealt = new Int32Array(hosts).fill(paths)
  }

  /** Draws the path of a new flow. */
  add(flow: number): void {
    if (flow >= this.#ofFlow.length) this.#ofFlow = grownInt32(this.#ofFlow, 2 * flow)
    this.#ofFlow[flow] = this.#random.nextBelow(this.#paths)
  }

  choose(flow: number, host: number): number {
    if (this.#paths === 1) return 0
    return this.#isSpraying ? this.#deal(host) : (this.#ofFlow[flow] ?? 0)
  }

  #deal(host: number): number {
    const first = host * this.#paths
    let at = this.#dealt[host] ?? 0
    if (at === this.#paths) {
      shuffle(this.#decks.subarray(first, first + this.#paths), this.#random)
      at = 0
    }
    this.#dealt[host] = at + 1
    return this.#decks[first + at] ?? 0
  }
}

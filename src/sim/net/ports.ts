/**
 * Every port of every node, as one typed array per field: the link it leads to and the two queues
 * of packets before it. Port p and port p ^ 1 are the two directions of one cable. Only keeps
 * packets in order and counts their bytes; knows nothing of limits and time.
 */
import { FairQueue } from './fair-queue.js'
import { FLAG } from './packet.js'
import { NONE, type PacketPool } from './packet-pool.js'
import { psOf, psPerByte } from './time.js'
import type { Topology } from './topology.js'

/** Urgent packets that may go in a row while others wait (NDP serves headers 10 to 1). */
const URGENT_IN_A_ROW = 10

export class Ports {
  readonly #packets: PacketPool
  readonly count: number
  /** Nodes. */
  readonly from: Int32Array
  readonly to: Int32Array
  readonly psPerByte: Float64Array
  /** From the last bit leaving until the packet is dealt with at the other end. */
  readonly delayPs: Float64Array
  /** When the last bit of what is being sent has left. */
  readonly freePs: Float64Array
  readonly plainBytes: Int32Array
  readonly urgentBytes: Int32Array
  /** The other end told it to hold plain packets back. */
  readonly isPaused: Uint8Array
  /** A `portFree` event is under way. */
  readonly isWaking: Uint8Array
  readonly #plainHead: Int32Array
  readonly #plainTail: Int32Array
  readonly #urgentHead: Int32Array
  readonly #urgentTail: Int32Array
  readonly #urgentRow: Uint8Array
  /** Plain packets of ports where flows take turns. */
  readonly #fair: (FairQueue | undefined)[] = []

  constructor(topology: Topology, packets: PacketPool) {
    this.#packets = packets
    const { links, hosts } = topology
    const count = 2 * links.length
    const latencyOf = (node: number): number =>
      node < hosts ? topology.hostLatencyS : topology.switchLatencyS
    this.count = count
    this.from = Int32Array.from(links.flatMap(({ a, b }) => [a, b]))
    this.to = Int32Array.from(links.flatMap(({ a, b }) => [b, a]))
    this.psPerByte = Float64Array.from({ length: count }, (_, port) =>
      psPerByte(links[port >> 1]?.bytesPerSecond ?? 0),
    )
    this.delayPs = Float64Array.from({ length: count }, (_, port) =>
      psOf((links[port >> 1]?.propagationS ?? 0) + latencyOf(this.to[port] ?? 0)),
    )
    this.freePs = new Float64Array(count)
    this.plainBytes = new Int32Array(count)
    this.urgentBytes = new Int32Array(count)
    this.isPaused = new Uint8Array(count)
    this.isWaking = new Uint8Array(count)
    this.#plainHead = new Int32Array(count).fill(NONE)
    this.#plainTail = new Int32Array(count).fill(NONE)
    this.#urgentHead = new Int32Array(count).fill(NONE)
    this.#urgentTail = new Int32Array(count).fill(NONE)
    this.#urgentRow = new Uint8Array(count)
  }

  /** Flows take turns there; before anything was queued. */
  beFair(port: number): void {
    this.#fair[port] = new FairQueue(this.#packets)
  }

  serialisationPs(port: number, bytes: number): number {
    return Math.round(bytes * (this.psPerByte[port] ?? 0))
  }

  append(port: number, packet: number): void {
    const { next, previous, bytes } = this.#packets
    const isUrgent = this.#packets.has(packet, FLAG.urgent)
    const fair = isUrgent ? undefined : this.#fair[port]
    if (fair !== undefined) {
      fair.append(packet)
      this.plainBytes[port] = (this.plainBytes[port] ?? 0) + (bytes[packet] ?? 0)
      return
    }
    const heads = isUrgent ? this.#urgentHead : this.#plainHead
    const tails = isUrgent ? this.#urgentTail : this.#plainTail
    const queued = isUrgent ? this.urgentBytes : this.plainBytes
    const tail = tails[port] ?? NONE
    if (tail === NONE) heads[port] = packet
    else next[tail] = packet
    tails[port] = packet
    next[packet] = NONE
    previous[packet] = tail
    queued[port] = (queued[port] ?? 0) + (bytes[packet] ?? 0)
  }

  /** The last plain packet; NONE when none waits. */
  lastPlain(port: number): number {
    return this.#plainTail[port] ?? NONE
  }

  /** Takes the last plain packet out, which there must be. */
  takeLastPlain(port: number): number {
    const { next, previous, bytes } = this.#packets
    const last = this.#plainTail[port] ?? NONE
    if (this.#plainHead[port] === last) {
      this.#plainHead[port] = NONE
      this.#plainTail[port] = NONE
    } else {
      const before = previous[last] ?? NONE
      next[before] = NONE
      this.#plainTail[port] = before
    }
    this.plainBytes[port] = (this.plainBytes[port] ?? 0) - (bytes[last] ?? 0)
    return last
  }

  /** The packet whose turn it is, taken out; NONE when none may go. */
  take(port: number): number {
    const hasUrgent = this.#urgentHead[port] !== NONE
    const hasPlain = this.#hasPlain(port)
    const row = this.#urgentRow[port] ?? 0
    if (hasUrgent && !(hasPlain && row >= URGENT_IN_A_ROW)) {
      this.#urgentRow[port] = hasPlain ? row + 1 : 0
      return this.#shift(port, this.#urgentHead, this.#urgentTail, this.urgentBytes)
    }
    this.#urgentRow[port] = 0
    if (!hasPlain) return NONE
    const packet = this.#fair[port]?.take()
    if (packet === undefined) {
      return this.#shift(port, this.#plainHead, this.#plainTail, this.plainBytes)
    }
    const bytes = this.#packets.bytes[packet] ?? 0
    this.plainBytes[port] = (this.plainBytes[port] ?? 0) - bytes
    return packet
  }

  /** Whether `take` would give a packet. */
  hasNext(port: number): boolean {
    if (this.#urgentHead[port] !== NONE) return true
    return this.#hasPlain(port)
  }

  /** Packets that wait at the port: urgent ones, then plain ones. */
  waiting(port: number): number[] {
    const found: number[] = []
    for (const heads of [this.#urgentHead, this.#plainHead]) {
      let packet = heads[port] ?? NONE
      while (packet !== NONE) {
        found.push(packet)
        packet = this.#packets.next[packet] ?? NONE
      }
    }
    return [...found, ...(this.#fair[port]?.waiting() ?? [])]
  }

  #hasPlain(port: number): boolean {
    if (this.isPaused[port] === 1) return false
    const fair = this.#fair[port]
    return fair === undefined ? this.#plainHead[port] !== NONE : !fair.isEmpty
  }

  #shift(port: number, heads: Int32Array, tails: Int32Array, queued: Int32Array): number {
    const { next, bytes } = this.#packets
    const packet = heads[port] ?? NONE
    const rest = next[packet] ?? NONE
    heads[port] = rest
    if (rest === NONE) tails[port] = NONE
    queued[port] = (queued[port] ?? 0) - (bytes[packet] ?? 0)
    return packet
  }
}

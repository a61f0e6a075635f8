/**
 * Output-queued switches: what comes in goes at once to the queue of the port that leads on, if the
 * buffer has room; otherwise it is cut down to its header, sent back, or dropped. Marks packets
 * that meet a long queue. Store and forward: a packet moves on when its last bit is there.
 */
import { assert } from '../../base/assert.js'
import type { Prng } from '../../base/prng.js'
import type { Counters } from './counters.js'
import type { FlowTable } from './flow-table.js'
import { FLAG, HEADER_BYTES } from './packet.js'
import { NONE, type PacketPool } from './packet-pool.js'
import { PauseControl } from './pause-control.js'
import type { Ports } from './ports.js'
import type { Routes } from './routes.js'
import type { SwitchOptions } from './switch-options.js'
import type { Parts, Transmitters } from './transmitters.js'

export type SwitchParts = Parts & {
  readonly flows: FlowTable
  readonly routes: Routes
  readonly transmitters: Transmitters
  readonly random: Prng
  readonly nodes: number
}

export class Switches {
  readonly #options: SwitchOptions
  readonly #ports: Ports
  readonly #packets: PacketPool
  readonly #counters: Counters
  readonly #flows: FlowTable
  readonly #routes: Routes
  readonly #transmitters: Transmitters
  readonly #random: Prng
  readonly pauseControl: PauseControl | undefined
  /** By node: bytes in its queues. */
  readonly usedBytes: Int32Array
  /** By port: most bytes that waited in its plain queue, and packets that found no room. */
  readonly peakBytes: Int32Array
  readonly drops: Int32Array

  constructor(options: SwitchOptions, parts: SwitchParts) {
    const { ports, packets, counters, flows, routes, transmitters, random, nodes } = parts
    this.#options = options
    this.#ports = ports
    this.#packets = packets
    this.#counters = counters
    this.#flows = flows
    this.#routes = routes
    this.#transmitters = transmitters
    this.#random = random
    this.pauseControl = options.pause && new PauseControl(options.pause, parts)
    this.usedBytes = new Int32Array(nodes)
    this.peakBytes = new Int32Array(ports.count)
    this.drops = new Int32Array(ports.count)
  }

  /** A packet came to a switch through `ingress`. */
  forward(node: number, packet: number, ingress: number): void {
    const out = this.#portTo(node, packet)
    this.#packets.ingress[packet] = ingress
    if (!this.#offer(out, packet)) this.#refuse(node, packet, out)
  }

  /** A packet that waited goes: the buffer has its bytes again. */
  departed(port: number, packet: number): void {
    const ingress = this.#packets.ingress[packet] ?? NONE
    if (ingress === NONE) return
    const node = this.#ports.from[port] ?? 0
    const bytes = this.#packets.bytes[packet] ?? 0
    this.usedBytes[node] = (this.usedBytes[node] ?? 0) - bytes
    if (!this.#isUrgent(packet)) this.pauseControl?.release(ingress, bytes)
  }

  #portTo(node: number, packet: number): number {
    const { destination, path } = this.#packets
    const port = this.#routes.portOf(node, destination[packet] ?? 0, path[packet] ?? 0)
    assert(port >= 0, 'a way leads from every switch to every host')
    return port
  }

  #isUrgent(packet: number): boolean {
    return this.#packets.has(packet, FLAG.urgent)
  }

  #isRoomFor(port: number, packet: number): boolean {
    const { bufferBytes, shared, trim } = this.#options
    const bytes = this.#packets.bytes[packet] ?? 0
    const isUrgent = this.#isUrgent(packet)
    const queued = (isUrgent ? this.#ports.urgentBytes : this.#ports.plainBytes)[port] ?? 0
    const room = isUrgent && trim !== undefined ? trim.urgentBytes : bufferBytes
    if (queued + bytes > room) return false
    if (shared === undefined) return true
    const used = this.usedBytes[this.#ports.from[port] ?? 0] ?? 0
    if (used + bytes > shared.bytes) return false
    return queued + bytes <= shared.alpha * (shared.bytes - used)
  }

  #keep(port: number, packet: number): void {
    const { ingress, bytes } = this.#packets
    const length = bytes[packet] ?? 0
    const node = this.#ports.from[port] ?? 0
    this.usedBytes[node] = (this.usedBytes[node] ?? 0) + length
    if (!this.#isUrgent(packet)) {
      this.#mark(port, packet)
      this.pauseControl?.hold(ingress[packet] ?? 0, length)
      const plain = (this.#ports.plainBytes[port] ?? 0) + length
      if (plain > (this.peakBytes[port] ?? 0)) this.peakBytes[port] = plain
    }
    this.#transmitters.queue(port, packet)
  }

  /** By the length of the queue that it finds, itself not counted. */
  #mark(port: number, packet: number): void {
    const { ecn } = this.#options
    const flags = this.#packets.flags[packet] ?? 0
    if (ecn === undefined || (flags & FLAG.ecnCapable) === 0) return
    const queued = this.#ports.plainBytes[port] ?? 0
    if (queued <= ecn.minBytes) return
    const chance = ((queued - ecn.minBytes) / (ecn.maxBytes - ecn.minBytes)) * ecn.maxChance
    if (queued <= ecn.maxBytes && this.#random.nextFloat() >= chance) return
    this.#packets.flags[packet] = flags | FLAG.marked
    this.#counters.markedPackets++
  }

  /** There is no room: something has to go. */
  #refuse(node: number, packet: number, out: number): void {
    const { trim } = this.#options
    let loser = packet
    if (trim !== undefined && (this.#packets.payload[packet] ?? 0) > 0) {
      loser = this.#loserOf(packet, out)
      this.#trim(loser)
      if (this.#offer(out, loser)) return
    }
    if (trim?.isReturning !== true || !this.#sendBack(node, loser)) this.#drop(loser, out)
  }

  /**
   * The newcomer or, as often, the last in the queue, whose place it takes: otherwise flows that
   * keep time with each other would always lose to the same ones (NDP, section 3.1).
   */
  #loserOf(packet: number, port: number): number {
    const { bytes, payload } = this.#packets
    const last = this.#ports.lastPlain(port)
    const fits = last !== NONE && (bytes[packet] ?? 0) <= (bytes[last] ?? 0)
    if (!fits || (payload[last] ?? 0) === 0 || this.#random.nextFloat() < 0.5) return packet
    this.#ports.takeLastPlain(port)
    this.departed(port, last)
    this.#keep(port, packet)
    return last
  }

  /** Whether the port took it. */
  #offer(port: number, packet: number): boolean {
    if (this.#transmitters.isIdle(port, packet)) this.#transmitters.start(port, packet)
    else if (this.#isRoomFor(port, packet)) this.#keep(port, packet)
    else return false
    return true
  }

  #trim(packet: number): void {
    const { bytes, payload, flags } = this.#packets
    const cut = (bytes[packet] ?? 0) - HEADER_BYTES
    bytes[packet] = HEADER_BYTES
    payload[packet] = 0
    flags[packet] = (flags[packet] ?? 0) | FLAG.trimmed | FLAG.urgent
    this.#counters.trimmedPackets++
    this.#counters.trimmedBytes += cut
  }

  /** A header whose payload was cut off; whether it could go. */
  #sendBack(node: number, packet: number): boolean {
    const { flags, destination, flow } = this.#packets
    const isHeader = ((flags[packet] ?? 0) & (FLAG.trimmed | FLAG.returned)) === FLAG.trimmed
    if (!isHeader) return false
    destination[packet] = this.#flows.source[flow[packet] ?? 0] ?? 0
    flags[packet] = (flags[packet] ?? 0) | FLAG.returned | FLAG.toSender
    if (!this.#offer(this.#portTo(node, packet), packet)) return false
    this.#counters.returnedPackets++
    return true
  }

  #drop(packet: number, port: number): void {
    this.#counters.droppedPackets++
    this.#counters.droppedBytes += this.#packets.bytes[packet] ?? 0
    this.drops[port] = (this.drops[port] ?? 0) + 1
    this.#packets.free(packet)
  }
}

/**
 * Sends packets from ports over links, one after another. When a port starts on a packet its
 * arrival at the other end is known, so a packet costs one event per hop, and a second one only
 * where others wait behind it. A packet that is being sent waits no more: it takes no room in the
 * buffer.
 */
import type { Counters } from './counters.js'
import { EVENT, type Events } from './events.js'
import { FLAG } from './packet.js'
import { NONE, type PacketPool } from './packet-pool.js'
import type { Ports } from './ports.js'

/** Told of each packet that leaves the queue of a port. */
export type Departures = { departed(port: number, packet: number): void }

export type Parts = {
  readonly events: Events
  readonly ports: Ports
  readonly packets: PacketPool
  readonly counters: Counters
}

export class Transmitters {
  readonly #events: Events
  readonly #ports: Ports
  readonly #packets: PacketPool
  readonly #counters: Counters
  #departures: Departures | undefined
  /** By port: bytes it began to send. */
  readonly sentBytes: Float64Array

  constructor({ events, ports, packets, counters }: Parts) {
    this.#events = events
    this.#ports = ports
    this.#packets = packets
    this.#counters = counters
    this.sentBytes = new Float64Array(ports.count)
  }

  /** Whom to tell; the switches, which come to be after this. */
  watch(departures: Departures): void {
    this.#departures = departures
  }

  /** Whether the packet would leave without waiting. */
  isIdle(port: number, packet: number): boolean {
    const ports = this.#ports
    if ((ports.freePs[port] ?? 0) > this.#events.nowPs || ports.isWaking[port] === 1) return false
    return ports.isPaused[port] === 0 || this.#packets.has(packet, FLAG.urgent)
  }

  /** Sends at once or, when the port is busy, after what waits. */
  offer(port: number, packet: number): void {
    if (this.isIdle(port, packet)) this.start(port, packet)
    else this.queue(port, packet)
  }

  queue(port: number, packet: number): void {
    this.#ports.append(port, packet)
    this.#wake(port)
  }

  /** Only on an idle port. */
  start(port: number, packet: number): void {
    const ports = this.#ports
    const counters = this.#counters
    const bytes = this.#packets.bytes[packet] ?? 0
    const freePs = this.#events.nowPs + ports.serialisationPs(port, bytes)
    ports.freePs[port] = freePs
    this.#packets.port[packet] = port
    this.sentBytes[port] = (this.sentBytes[port] ?? 0) + bytes
    counters.transmissions++
    counters.flyingPackets++
    counters.flyingBytes += bytes
    this.#events.at(freePs + (ports.delayPs[port] ?? 0), EVENT.arrive, packet)
  }

  /** A frame that is no packet goes before all that wait; returns when its last bit has left. */
  occupy(port: number, bytes: number): number {
    const ports = this.#ports
    const fromPs = Math.max(this.#events.nowPs, ports.freePs[port] ?? 0)
    const freePs = fromPs + ports.serialisationPs(port, bytes)
    ports.freePs[port] = freePs
    return freePs
  }

  portFree(port: number): void {
    const freePs = this.#ports.freePs[port] ?? 0
    if (freePs > this.#events.nowPs) {
      this.#events.at(freePs, EVENT.portFree, port)
      return
    }
    this.#ports.isWaking[port] = 0
    const packet = this.#ports.take(port)
    if (packet === NONE) return
    this.#departures?.departed(port, packet)
    this.start(port, packet)
    if (this.#ports.hasNext(port)) this.#wake(port)
  }

  pause(port: number): void {
    this.#ports.isPaused[port] = 1
  }

  resume(port: number): void {
    this.#ports.isPaused[port] = 0
    if (this.#ports.hasNext(port)) this.#wake(port)
  }

  #wake(port: number): void {
    const ports = this.#ports
    if (ports.isWaking[port] === 1) return
    const freePs = ports.freePs[port] ?? 0
    const { nowPs } = this.#events
    // A paused port that is free has nothing to wake for.
    if (freePs <= nowPs && !ports.hasNext(port)) return
    ports.isWaking[port] = 1
    this.#events.at(Math.max(freePs, nowPs), EVENT.portFree, port)
  }
}

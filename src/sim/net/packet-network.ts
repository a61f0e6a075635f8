/**
 * A network of packets: hosts, switches and links of a topology, moved from event to event, with
 * one transport at its hosts. Pure and deterministic: a seed and the same flows give the same
 * events. Whoever uses it adds flows, lets it run, and reads flows and counters. Knows nothing of
 * models, steps and costs.
 */
import { assert } from '../../base/assert.js'
import { Prng } from '../../base/prng.js'
import { Counters } from './counters.js'
import type { EventQueue } from './event-queue.js'
import { EVENT, Events } from './events.js'
import { type FlowRequest, FlowTable } from './flow-table.js'
import { FLAG, HEADER_BYTES, type Kind } from './packet.js'
import { NONE, PacketPool } from './packet-pool.js'
import { type Multipath, PathChoice } from './path-choice.js'
import { Ports } from './ports.js'
import { Routes } from './routes.js'
import type { SwitchOptions } from './switch-options.js'
import { Switches } from './switches.js'
import { PS_PER_S } from './time.js'
import { Timers } from './timers.js'
import type { Topology } from './topology.js'
import { Transmitters } from './transmitters.js'
import { type Network, TIMERS, type Transport, type TransportFactory } from './transport.js'
import { WheelQueue } from './wheel-queue.js'

const PACKETS_MAX = 1 << 24

export type PacketNetworkOptions = {
  readonly topology: Topology
  readonly switches: SwitchOptions
  readonly transport: TransportFactory
  readonly multipath: Multipath
  readonly seed: number
  /** Most packets alive at once. */
  readonly packetsMax?: number
  readonly queue?: EventQueue
  /** The last byte of a flow was delivered; flows may be added here. */
  readonly onFinished?: (flow: number, nowPs: number) => void
  readonly probe?: Probe
}

/** Called every so often while flows are to finish or packets under way, to look at queues. */
export type Probe = {
  readonly everyPs: number
  readonly sample: (network: PacketNetwork) => void
}

export type RunLimits = {
  /** Stop the clock then. */
  readonly untilPs?: number
  /** Stop after so many more events. */
  readonly events?: number
}

export class PacketNetwork implements Network {
  readonly random: Prng
  readonly packets: PacketPool
  readonly flows = new FlowTable()
  readonly hosts: number
  readonly counters = new Counters()
  readonly ports: Ports
  readonly routes: Routes
  readonly switches: Switches
  readonly transmitters: Transmitters
  readonly transport: Transport
  readonly #options: PacketNetworkOptions
  readonly #events: Events
  readonly #choice: PathChoice
  readonly #flowTimers: Timers
  readonly #hostTimers: Timers
  #isSampling = false

  constructor(options: PacketNetworkOptions) {
    const { topology, multipath, seed } = options
    const random = Prng.fromSeed(seed)
    const events = new Events(options.queue ?? new WheelQueue())
    const packets = new PacketPool(options.packetsMax ?? PACKETS_MAX)
    const ports = new Ports(topology, packets)
    const routes = new Routes(topology)
    const parts = { events, ports, packets, counters: this.counters }
    const transmitters = new Transmitters(parts)
    const nodes = topology.hosts + topology.switches
    const { flows } = this
    const switchParts = { ...parts, flows, routes, transmitters, random, nodes }
    this.#options = options
    this.#events = events
    this.random = random
    this.packets = packets
    this.ports = ports
    this.routes = routes
    this.hosts = topology.hosts
    this.transmitters = transmitters
    this.switches = new Switches(options.switches, switchParts)
    transmitters.watch(this.switches)
    this.#choice = new PathChoice(multipath, { random, paths: routes.paths, hosts: this.hosts })
    this.#flowTimers = new Timers(events, EVENT.flowTimer)
    this.#hostTimers = new Timers(events, EVENT.hostTimer)
    this.transport = options.transport(this)
    if (this.transport.isFairAtHosts === true) {
      for (let host = 0; host < this.hosts; host++) ports.beFair(routes.nicOf(host))
    }
  }

  get nowPs(): number {
    return this.#events.nowPs
  }

  get paths(): number {
    return this.routes.paths
  }

  /** By which two runs can be told to be the same. */
  get eventHash(): string {
    return this.#events.hash
  }

  get eventCount(): number {
    return this.#events.count
  }

  /** Whether nothing more is to happen; timers that were set back may be all that is. */
  get isIdle(): boolean {
    return this.#events.waiting === 0
  }

  addFlow(request: FlowRequest): number {
    const { source, destination, startPs } = request
    assert(source >= 0 && source < this.hosts, `host ${source} of a flow exists`)
    assert(destination >= 0 && destination < this.hosts, `host ${destination} of a flow exists`)
    const flow = this.flows.add(request)
    this.#choice.add(flow)
    this.#events.at(Math.max(startPs, this.nowPs), EVENT.start, flow)
    if (this.#options.probe !== undefined && !this.#isSampling) {
      this.#isSampling = true
      this.#events.at(this.nowPs, EVENT.sample, 0)
    }
    return flow
  }

  /** Until nothing more happens or a limit is reached. */
  run({
    untilPs = Number.POSITIVE_INFINITY,
    events = Number.POSITIVE_INFINITY,
  }: RunLimits = {}): void {
    for (let left = events; left > 0 && this.#events.next(untilPs); left--) this.#handle()
  }

  toReceiver(flow: number, kind: Kind, payload: number, flags: number): number {
    const packet = this.#create(flow, kind, flags)
    this.packets.payload[packet] = payload
    this.packets.bytes[packet] = payload + HEADER_BYTES
    this.packets.destination[packet] = this.flows.destination[flow] ?? 0
    return packet
  }

  toSender(flow: number, kind: Kind, flags: number): number {
    const packet = this.#create(flow, kind, flags | FLAG.toSender)
    this.packets.payload[packet] = 0
    this.packets.bytes[packet] = HEADER_BYTES
    this.packets.destination[packet] = this.flows.source[flow] ?? 0
    return packet
  }

  send(packet: number): void {
    const { flow, path, sentPs, bytes } = this.packets
    const at = flow[packet] ?? 0
    const isBack = this.packets.has(packet, FLAG.toSender)
    const host = (isBack ? this.flows.destination : this.flows.source)[at] ?? 0
    if (path[packet] === NONE) path[packet] = this.#choice.choose(at, host)
    sentPs[packet] = this.#events.nowPs
    this.counters.sentPackets++
    this.counters.sentBytes += bytes[packet] ?? 0
    this.transmitters.offer(this.routes.nicOf(host), packet)
  }

  nicBytes(host: number): number {
    const nic = this.routes.nicOf(host)
    return (this.ports.plainBytes[nic] ?? 0) + (this.ports.urgentBytes[nic] ?? 0)
  }

  setFlowTimer(flow: number, which: number, atPs: number): void {
    this.#flowTimers.set(flow * TIMERS + which, atPs)
  }

  cancelFlowTimer(flow: number, which: number): void {
    this.#flowTimers.cancel(flow * TIMERS + which)
  }

  isFlowTimerSet(flow: number, which: number): boolean {
    return this.#flowTimers.isSet(flow * TIMERS + which)
  }

  setHostTimer(host: number, which: number, atPs: number): void {
    this.#hostTimers.set(host * TIMERS + which, atPs)
  }

  cancelHostTimer(host: number, which: number): void {
    this.#hostTimers.cancel(host * TIMERS + which)
  }

  isHostTimerSet(host: number, which: number): boolean {
    return this.#hostTimers.isSet(host * TIMERS + which)
  }

  delivered(flow: number, payload: number): void {
    const { nowPs } = this
    if (this.flows.deliver(flow, payload, nowPs)) this.#options.onFinished?.(flow, nowPs)
  }

  retransmitted(flow: number): void {
    this.flows.retransmits[flow] = (this.flows.retransmits[flow] ?? 0) + 1
  }

  timedOut(flow: number): void {
    this.flows.timeouts[flow] = (this.flows.timeouts[flow] ?? 0) + 1
  }

  hostRate(host: number): number {
    return PS_PER_S / (this.ports.psPerByte[this.routes.nicOf(host)] ?? 1)
  }

  zeroLoadPs(source: number, destination: number, bytes: number): number {
    let port = this.routes.nicOf(source)
    let sumPs = 0
    for (;;) {
      sumPs += this.ports.serialisationPs(port, bytes) + (this.ports.delayPs[port] ?? 0)
      const node = this.ports.to[port] ?? 0
      if (node === destination) return sumPs
      port = this.routes.portOf(node, destination, 0)
      assert(port >= 0, `a way leads from host ${source} to host ${destination}`)
    }
  }

  #create(flow: number, kind: Kind, flags: number): number {
    const packet = this.packets.allocate()
    this.packets.flow[packet] = flow
    this.packets.kind[packet] = kind
    this.packets.flags[packet] = flags
    return packet
  }

  #handle(): void {
    const { kind, subject } = this.#events
    if (kind === EVENT.arrive) this.#arrive(subject)
    else if (kind === EVENT.portFree) this.transmitters.portFree(subject)
    else if (kind === EVENT.flowTimer) this.#flowTimer(subject)
    else if (kind === EVENT.hostTimer) this.#hostTimer(subject)
    else if (kind === EVENT.start) this.transport.start(subject)
    else if (kind === EVENT.pause) this.transmitters.pause(subject)
    else if (kind === EVENT.resume) this.transmitters.resume(subject)
    else this.#sample()
  }

  #arrive(packet: number): void {
    const port = this.packets.port[packet] ?? 0
    const node = this.ports.to[port] ?? 0
    this.counters.flyingPackets--
    this.counters.flyingBytes -= this.packets.bytes[packet] ?? 0
    if (node >= this.hosts) this.switches.forward(node, packet, port)
    else this.#receive(packet)
  }

  #receive(packet: number): void {
    this.counters.arrivedPackets++
    this.counters.arrivedBytes += this.packets.bytes[packet] ?? 0
    if (this.packets.has(packet, FLAG.toSender)) this.transport.senderGot(packet)
    else this.transport.receiverGot(packet)
    this.packets.free(packet)
  }

  #flowTimer(timer: number): void {
    if (!this.#flowTimers.isDue(timer)) return
    this.transport.flowTimer(Math.floor(timer / TIMERS), timer % TIMERS)
  }

  #hostTimer(timer: number): void {
    if (!this.#hostTimers.isDue(timer)) return
    this.transport.hostTimer(Math.floor(timer / TIMERS), timer % TIMERS)
  }

  #sample(): void {
    const { probe } = this.#options
    if (probe === undefined) return
    probe.sample(this)
    this.#isSampling = this.packets.live > 0 || this.flows.finishedCount < this.flows.count
    if (this.#isSampling) this.#events.at(this.nowPs + probe.everyPs, EVENT.sample, 0)
  }
}

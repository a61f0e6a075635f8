/**
 * The credits of the fabric as a transport: the very code of src/fabric (granter, window,
 * estimates, senders) at both ends of TCP connections that stay open, with processes that look at
 * their sockets every few microseconds. So what is measured is credit over TCP as it is deployed.
 * Host-side costs beside that look are not modelled.
 *
 * Whoever sends what nobody asked for is a head to whom receives it, who is its domain: domains
 * give their heads some credit at any time, heads grant the answers that they ask for. A host can
 * be both, with a process and connections for each.
 */
import { defined } from '../../base/assert.js'
import { SEGMENT_BYTES } from '../../fabric/credit-window.js'
import { Credits } from '../../fabric/credits.js'
import { PS_PER_US } from '../net/time.js'
import type { ExpectedReply, Network, Transport, TransportFactory } from '../net/transport.js'
import { LinkEnd } from './credit-link.js'
import { INITIAL_WINDOW, idleRoundTripPs, LEAST_TIMEOUT_PS } from './linux.js'
import { type Streams, TcpConnection } from './tcp-connection.js'

export type FabricCreditOptions = {
  /** Payload of a full TCP segment. Default 1448. */
  readonly segmentBytes?: number
  /** Least time-out of TCP. Default 200 ms. */
  readonly leastTimeoutPs?: number
  /** How soon after an arrival a process looks. Default 10 us. */
  readonly pollPs?: number
  /** False: the same links without credits, to measure what they bring. */
  readonly isCredited?: boolean
}

const POLL_PS = 10 * PS_PER_US
const MS_PER_PS = 1e-9
/** A heartbeat or an acknowledgement on the wire. */
const SMALL_BYTES = 128
/** Timer of a host. */
const POLL = 0

type Role = 'head' | 'domain'

type End = { readonly host: number; readonly link: LinkEnd }

/** By what they are to each other, and by the flow that carries their packets. */
type Connection = {
  readonly head: End
  readonly domain: End
  readonly source: End
  readonly destination: End
  readonly tcp: TcpConnection
}

export function fabricCredit(options: FabricCreditOptions = {}): TransportFactory {
  return (network) => new FabricCredit(network, options)
}

class FabricCredit implements Transport {
  readonly name: string
  readonly isFairAtHosts = true
  readonly #network: Network
  readonly #options: FabricCreditOptions
  /** Of the processes of each role, by host. */
  readonly #credits = { head: new Map<number, Credits>(), domain: new Map<number, Credits>() }
  /** By host. */
  readonly #ends: End[][]
  /** By head and domain, and by the flow that carries it. */
  readonly #connections = new Map<number, Connection>()
  readonly #carried = new Map<number, Connection>()
  /** From which end each flow goes that has not begun. */
  readonly #endOf = new Map<number, End>()
  /** By host: when its process looks next. */
  readonly #dueAt = new Map<number, number>()
  /** Flows whose ends are known. */
  #known = 0

  constructor(network: Network, options: FabricCreditOptions) {
    this.name = options.isCredited === false ? 'TCP, connections kept' : 'credits over TCP'
    this.#network = network
    this.#options = options
    this.#ends = Array.from({ length: network.hosts }, () => [])
  }

  expect(replies: readonly ExpectedReply[]): void {
    if (!this.#isCredited) return
    this.#assignAll()
    for (const head of new Set(replies.map(({ to }) => to))) {
      const requests = replies.flatMap(({ from, to, bytes }) => {
        const link = this.#connections.get(this.#key(to, from))?.head.link
        if (to !== head || link === undefined) return []
        return [{ peer: link.peer, transfer: link.expect(), bytes }]
      })
      this.#creditsOf(head, 'head').request(requests, this.#nowMs())
      this.#wake(head, this.#network.nowPs)
    }
  }

  start(flow: number): void {
    this.#assignAll()
    const end = defined(this.#endOf.get(flow), 'end of a flow')
    this.#endOf.delete(flow)
    end.link.offer(flow, this.#network.flows.bytes[flow] ?? 0)
    this.#wake(end.host, this.#network.nowPs)
  }

  receiverGot(packet: number): void {
    const connection = this.#connectionOf(packet)
    this.#came(connection.destination, connection.tcp.got(packet))
  }

  senderGot(packet: number): void {
    const connection = this.#connectionOf(packet)
    this.#came(connection.source, connection.tcp.got(packet))
  }

  flowTimer(flow: number, which: number): void {
    this.#carried.get(flow)?.tcp.timedOut(which)
  }

  /** The processes of a host look at all their links. */
  hostTimer(host: number): void {
    const ends = this.#ends[host] ?? []
    for (const { link } of ends) link.poll()
    const idleMs = ends.reduce((least, { link }) => Math.min(least, link.idleMs), Infinity)
    if (!Number.isFinite(idleMs)) return
    const waitPs = Math.max(this.#pollPs, Math.ceil(idleMs / MS_PER_PS))
    this.#wake(host, this.#network.nowPs + waitPs)
  }

  get #isCredited(): boolean {
    return this.#options.isCredited ?? true
  }

  get #pollPs(): number {
    return this.#options.pollPs ?? POLL_PS
  }

  #nowMs(): number {
    return this.#network.nowPs * MS_PER_PS
  }

  #connectionOf(packet: number): Connection {
    const flow = this.#network.packets.flow[packet] ?? 0
    return defined(this.#carried.get(flow), 'connection of a packet')
  }

  #came({ host, link }: End, bytes: number): void {
    if (bytes === 0) return
    link.came(bytes)
    this.#wake(host, this.#network.nowPs + this.#pollPs)
  }

  /** At that time or earlier. */
  #wake(host: number, atPs: number): void {
    const known = this.#dueAt.get(host) ?? Number.POSITIVE_INFINITY
    if (this.#network.isHostTimerSet(host, POLL) && known <= atPs) return
    this.#dueAt.set(host, atPs)
    this.#network.setHostTimer(host, POLL, atPs)
  }

  #key(head: number, domain: number): number {
    return head * this.#network.hosts + domain
  }

  /**
   * Which connection each flow takes. Hosts are connected before anything is sent, as domains join
   * before they are asked.
   */
  #assignAll(): void {
    for (; this.#known < this.#network.flows.count; this.#known++) {
      this.#endOf.set(this.#known, this.#assign(this.#known))
    }
  }

  #assign(flow: number): End {
    const { flows } = this.#network
    const from = flows.source[flow] ?? 0
    const to = flows.destination[flow] ?? 0
    const role = flows.isAnswer[flow] === 1 ? 'domain' : 'head'
    const hosts = role === 'head' ? { head: from, domain: to } : { head: to, domain: from }
    const known = this.#connections.get(this.#key(hosts.head, hosts.domain))
    return (known ?? this.#connect(flow, hosts))[role]
  }

  #connect(carrier: number, hosts: Readonly<Record<Role, number>>): Connection {
    const tcp = new TcpConnection(this.#network, carrier, {
      segmentBytes: this.#options.segmentBytes ?? SEGMENT_BYTES,
      initialWindow: INITIAL_WINDOW,
      leastTimeoutPs: this.#options.leastTimeoutPs ?? LEAST_TIMEOUT_PS,
    })
    const isFromHead = this.#network.flows.source[carrier] === hosts.head
    const [atHead, atDomain] = isFromHead
      ? [tcp.atSource, tcp.atDestination]
      : [tcp.atDestination, tcp.atSource]
    const head = this.#makeEnd(hosts.head, { role: 'head', streams: atHead })
    const domain = this.#makeEnd(hosts.domain, { role: 'domain', streams: atDomain })
    LinkEnd.join(head.link, domain.link)
    const [source, destination] = isFromHead ? [head, domain] : [domain, head]
    const connection = { head, domain, source, destination, tcp }
    this.#carried.set(carrier, connection)
    this.#connections.set(this.#key(hosts.head, hosts.domain), connection)
    const small = { there: SMALL_BYTES, back: SMALL_BYTES }
    const roundTripPs = idleRoundTripPs(this.#network, carrier, small) + 2 * this.#pollPs
    head.link.roundTrip(roundTripPs / PS_PER_US)
    domain.link.roundTrip(roundTripPs / PS_PER_US)
    return connection
  }

  #makeEnd(host: number, { role, streams }: { role: Role; streams: Streams }): End {
    const link = new LinkEnd({
      ...(this.#isCredited && { credits: this.#creditsOf(host, role) }),
      now: () => this.#nowMs(),
      write: (bytes) => streams.out.write(bytes),
      unackedBytes: () => streams.out.unackedBytes,
      onRead: (flow, bytes) => this.#network.delivered(flow, bytes),
    })
    const end = { host, link }
    this.#ends[host]?.push(end)
    return end
  }

  #creditsOf(host: number, role: Role): Credits {
    const known = this.#credits[role].get(host)
    if (known !== undefined) return known
    const credits = new Credits({ isStanding: role === 'domain', now: () => this.#nowMs() })
    this.#credits[role].set(host, credits)
    return credits
  }
}

/**
 * The credits of the fabric as a transport: the very code of src/fabric (granter, window, estimates,
 * senders) at both ends of TCP connections that stay open, with processes that look at their
 * sockets every few microseconds. So what is measured is credit over TCP as it is deployed.
 * Host-side costs beside that look are not modelled.
 *
 * Whoever sends what nobody asked for is a head to whom receives it, who is its domain: domains give
 * their heads some credit at any time, heads grant the answers that they ask for. A host can be
 * both, with a process and connections for each.
 */
import { defined } from '../../base/assert.js'
import { Credits } from '../../fabric/credits.js'
import { FLAG, KIND } from '../net/packet.js'
import { PS_PER_US } from '../net/time.js'
import type { Network, Transport, TransportFactory } from '../net/transport.js'
import { LinkEnd } from './credit-link.js'
import { type StreamPort, StreamReceiver, StreamSender, type StreamTerms } from './tcp-stream.js'

export type FabricCreditOptions = {
  /** Payload of a full TCP segment. Default 1448. */
  readonly segmentBytes?: number
  /** Least time-out of TCP. Default 200 ms, as Linux has. */
  readonly leastTimeoutPs?: number
  /** How soon after an arrival a process looks. Default 10 us. */
  readonly pollPs?: number
}

/** An answer that `from` will have for `to`. */
export type ExpectedReply = { readonly from: number; readonly to: number; readonly bytes: number }

const SEGMENT_BYTES = 1448
const INITIAL_WINDOW = 10
const LEAST_TIMEOUT_PS = 200_000 * PS_PER_US
const POLL_PS = 10 * PS_PER_US
const MS_PER_PS = 1e-9
/** What a NIC holds before TCP waits for it (Linux' small queues). */
const NIC_BYTES = 256 * 1024
/** A heartbeat or an acknowledgement on the wire. */
const SMALL_BYTES = 128
/** Timer of a host. */
const POLL = 0

/** One end with its half of the connection. */
type End = {
  readonly host: number
  readonly link: LinkEnd
  readonly out: StreamSender
  readonly in: StreamReceiver
}

/** Its packets travel under the number of the first flow, which its head sends. */
type Connection = { readonly head: End; readonly domain: End }

type Role = keyof Connection

export function fabricCredit(options: FabricCreditOptions = {}): TransportFactory {
  return (network) => new FabricCredit(network, options)
}

export class FabricCredit implements Transport {
  readonly name = 'credits over TCP'
  readonly #network: Network
  readonly #options: FabricCreditOptions
  /** Of the processes of each role, by host. */
  readonly #credits = { head: new Map<number, Credits>(), domain: new Map<number, Credits>() }
  /** By host. */
  readonly #ends: End[][]
  /** By the flow that carries it. */
  readonly #carried = new Map<number, Connection>()
  /** By head and domain. */
  readonly #connections = new Map<number, Connection>()
  /** The same: answers that the head asked for and that have not begun. */
  readonly #asked = new Map<number, number>()
  /** From which end a flow goes. */
  readonly #endOf = new Map<number, End>()
  /** By host: when its process looks next. */
  readonly #dueAt = new Map<number, number>()
  /** Flows whose ends are known. */
  #known = 0

  constructor(network: Network, options: FabricCreditOptions = {}) {
    this.#network = network
    this.#options = options
    this.#ends = Array.from({ length: network.hosts }, () => [])
  }

  /**
   * Replies about to be asked for by one head, all of one step at once; the frames that ask, which
   * go the other way, are flows already.
   */
  expect(replies: readonly ExpectedReply[]): void {
    this.#assignAll()
    const heads = new Set(replies.map(({ to }) => to))
    for (const head of heads) {
      const requests = replies.flatMap(({ from, to, bytes }) => {
        const key = this.#key(to, from)
        const link = this.#connections.get(key)?.head.link
        if (to !== head || link === undefined) return []
        this.#asked.set(key, (this.#asked.get(key) ?? 0) + 1)
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
    const connection = this.#carried.get(this.#network.packets.flow[packet] ?? 0)
    if (connection !== undefined) this.#got(packet, connection.domain)
  }

  senderGot(packet: number): void {
    const connection = this.#carried.get(this.#network.packets.flow[packet] ?? 0)
    if (connection !== undefined) this.#got(packet, connection.head)
  }

  /** Timer 0 is of what the head sends, timer 1 of what the domain does. */
  flowTimer(flow: number, which: number): void {
    const connection = this.#carried.get(flow)
    if (connection === undefined) return
    this.#network.timedOut(flow)
    ;(which === 0 ? connection.head : connection.domain).out.timedOut()
  }

  /** The process of a host looks at all its links. */
  hostTimer(host: number): void {
    let idleMs = Number.POSITIVE_INFINITY
    const ends = this.#ends[host] ?? []
    for (const { link } of ends) link.poll()
    for (const { link } of ends) idleMs = Math.min(idleMs, link.idleMs)
    if (!Number.isFinite(idleMs)) return
    const waitPs = Math.max(this.#pollPs, Math.ceil(idleMs / MS_PER_PS))
    this.#wake(host, this.#network.nowPs + waitPs)
  }

  get #pollPs(): number {
    return this.#options.pollPs ?? POLL_PS
  }

  #nowMs(): number {
    return this.#network.nowPs * MS_PER_PS
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
    const { flows } = this.#network
    for (; this.#known < flows.count; this.#known++) {
      const from = flows.source[this.#known] ?? 0
      const to = flows.destination[this.#known] ?? 0
      this.#endOf.set(this.#known, this.#assign(this.#known, from, to))
    }
  }

  #assign(flow: number, from: number, to: number): End {
    const asking = this.#key(to, from)
    const asked = this.#asked.get(asking) ?? 0
    if (asked > 0) {
      this.#asked.set(asking, asked - 1)
      return defined(this.#connections.get(asking), 'connection of an answer').domain
    }
    const known = this.#connections.get(this.#key(from, to))
    return (known ?? this.#connect(flow, from, to)).head
  }

  #connect(carrier: number, from: number, to: number): Connection {
    const there = this.#sender(carrier, true)
    const back = this.#sender(carrier, false)
    const head = this.#makeEnd(from, 'head', { out: there, in: new StreamReceiver(back.sizes) })
    const domain = this.#makeEnd(to, 'domain', { out: back, in: new StreamReceiver(there.sizes) })
    LinkEnd.join(head.link, domain.link)
    const connection = { head, domain }
    this.#carried.set(carrier, connection)
    this.#connections.set(this.#key(from, to), connection)
    const roundTripUs = (this.#idlePs(from, to, SMALL_BYTES) + 2 * this.#pollPs) / PS_PER_US
    head.link.roundTrip(roundTripUs)
    domain.link.roundTrip(roundTripUs)
    return connection
  }

  #makeEnd(host: number, role: Role, streams: Pick<End, 'out' | 'in'>): End {
    const link = new LinkEnd({
      credits: this.#creditsOf(host, role),
      now: () => this.#nowMs(),
      write: (bytes) => streams.out.write(bytes),
      onRead: (flow, bytes) => this.#network.delivered(flow, bytes),
    })
    const end = { host, link, ...streams }
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

  #idlePs(from: number, to: number, bytes: number): number {
    return this.#network.zeroLoadPs(from, to, bytes) + this.#network.zeroLoadPs(to, from, bytes)
  }

  #sender(carrier: number, isForward: boolean): StreamSender {
    const { flows } = this.#network
    const from = (isForward ? flows.source : flows.destination)[carrier] ?? 0
    const to = (isForward ? flows.destination : flows.source)[carrier] ?? 0
    const segmentBytes = this.#options.segmentBytes ?? SEGMENT_BYTES
    const terms: StreamTerms = {
      segmentBytes,
      initialWindow: INITIAL_WINDOW,
      leastTimeoutPs: this.#options.leastTimeoutPs ?? LEAST_TIMEOUT_PS,
      idlePs: this.#idlePs(from, to, segmentBytes),
    }
    return new StreamSender(this.#port(carrier, { from, isForward }), terms)
  }

  #port(carrier: number, { from, isForward }: { from: number; isForward: boolean }): StreamPort {
    const network = this.#network
    const timer = isForward ? 0 : 1
    return {
      get nowPs() {
        return network.nowPs
      },
      get isNicFull() {
        return network.nicBytes(from) > NIC_BYTES
      },
      send: ({ sequence, payload, isAgain }) => {
        if (isAgain) network.retransmitted(carrier)
        const data = { kind: KIND.data, sequence, arrived: 0, payload, echoPs: 0 }
        this.#sendPacket(carrier, { isForward, ...data })
      },
      setDeadline: (atPs) => {
        if (atPs === undefined) network.cancelFlowTimer(carrier, timer)
        else network.setFlowTimer(carrier, timer, atPs)
      },
      // CUBIC never holds less than a packet.
      setPace: () => {},
    }
  }

  #got(packet: number, end: End): void {
    const { packets } = this.#network
    const carrier = packets.flow[packet] ?? 0
    const sequence = packets.sequence[packet] ?? 0
    if (packets.kind[packet] === KIND.ack) {
      const roundTripPs = this.#network.nowPs - (packets.echoPs[packet] ?? 0)
      const arrived = packets.value[packet] ?? 0
      end.out.acknowledged({ acked: sequence, arrived, roundTripPs, isMarked: false })
      return
    }
    const echoPs = packets.sentPs[packet] ?? 0
    const isForward = ((packets.flags[packet] ?? 0) & FLAG.toSender) !== 0
    const bytes = end.in.take(sequence)
    const ack = { kind: KIND.ack, sequence: end.in.next, arrived: sequence, payload: 0, echoPs }
    this.#sendPacket(carrier, { isForward, ...ack })
    if (bytes === 0) return
    end.link.came(bytes)
    this.#wake(end.host, this.#network.nowPs + this.#pollPs)
  }

  #sendPacket(
    carrier: number,
    packet: {
      readonly isForward: boolean
      readonly kind: typeof KIND.data | typeof KIND.ack
      readonly sequence: number
      /** Of an acknowledgement: the segment that caused it. */
      readonly arrived: number
      readonly payload: number
      readonly echoPs: number
    },
  ): void {
    const { isForward, kind, sequence, arrived, payload, echoPs } = packet
    const { packets } = this.#network
    const at = isForward
      ? this.#network.toReceiver(carrier, kind, payload, 0)
      : this.#network.toSender(carrier, kind, 0)
    if (!isForward) {
      packets.payload[at] = payload
      packets.bytes[at] = (packets.bytes[at] ?? 0) + payload
    }
    packets.sequence[at] = sequence
    packets.value[at] = arrived
    packets.echoPs[at] = echoPs
    this.#network.send(at)
  }
}

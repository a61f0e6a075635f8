/**
 * The credits of the fabric as a transport: every host runs the very code of src/fabric (granter,
 * window, estimates, senders), every pair of hosts keeps one TCP connection open, and processes
 * look at their sockets every few microseconds. So what is measured is credit over TCP as it is
 * deployed. Host-side costs beside that look are not modelled.
 */
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
  /**
   * Whether all who may send to a host hold some credit at any time, as heads do that dispatch to a
   * domain; a head grants what it asked for. Default: all hosts.
   */
  readonly isStanding?: (host: number) => boolean
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

/** Packets of a connection travel under the number of the first flow between its hosts. */
type Connection = { readonly source: End; readonly destination: End }

export function fabricCredit(options: FabricCreditOptions = {}): TransportFactory {
  return (network) => new FabricCredit(network, options)
}

export class FabricCredit implements Transport {
  readonly name = 'credits over TCP'
  readonly #network: Network
  readonly #options: FabricCreditOptions
  readonly #credits = new Map<number, Credits>()
  /** Ends by host, then by the host at the other end. */
  readonly #ends = new Map<number, Map<number, End>>()
  /** By the flow that carries it. */
  readonly #connections = new Map<number, Connection>()
  /** By host: when its process looks next. */
  readonly #dueAt = new Map<number, number>()
  /** Flows whose hosts are connected. */
  #known = 0

  constructor(network: Network, options: FabricCreditOptions) {
    this.#network = network
    this.#options = options
  }

  /** Replies about to be asked for by one host, all of one step at once, before it asks. */
  expect(replies: readonly ExpectedReply[]): void {
    this.#connectAll()
    const [first] = replies
    const credits = first === undefined ? undefined : this.#credits.get(first.to)
    if (first === undefined || credits === undefined) return
    const requests = replies.flatMap(({ from, to, bytes }) => {
      const link = this.#ends.get(to)?.get(from)?.link
      return link === undefined ? [] : [{ peer: link.peer, transfer: link.expect(), bytes }]
    })
    credits.request(requests, this.#nowMs())
    this.#wake(first.to, this.#network.nowPs)
  }

  start(flow: number): void {
    this.#connectAll()
    const { source, destination, bytes } = this.#network.flows
    const from = source[flow] ?? 0
    this.#end(from, destination[flow] ?? 0)?.link.offer(flow, bytes[flow] ?? 0)
    this.#wake(from, this.#network.nowPs)
  }

  receiverGot(packet: number): void {
    const connection = this.#connections.get(this.#network.packets.flow[packet] ?? 0)
    if (connection !== undefined) this.#got(packet, connection.destination)
  }

  senderGot(packet: number): void {
    const connection = this.#connections.get(this.#network.packets.flow[packet] ?? 0)
    if (connection !== undefined) this.#got(packet, connection.source)
  }

  /** Timer 0 is of what the source of the carrying flow sends, timer 1 of what it receives. */
  flowTimer(flow: number, which: number): void {
    const connection = this.#connections.get(flow)
    if (connection === undefined) return
    this.#network.timedOut(flow)
    ;(which === 0 ? connection.source : connection.destination).out.timedOut()
  }

  /** The process of a host looks at all its links. */
  hostTimer(host: number): void {
    let idleMs = Number.POSITIVE_INFINITY
    const ends = [...(this.#ends.get(host)?.values() ?? [])]
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

  #end(host: number, other: number): End | undefined {
    return this.#ends.get(host)?.get(other)
  }

  /** Hosts are connected before anything is sent, as domains join before they are asked. */
  #connectAll(): void {
    const { flows } = this.#network
    for (; this.#known < flows.count; this.#known++) {
      const source = flows.source[this.#known] ?? 0
      const destination = flows.destination[this.#known] ?? 0
      if (this.#end(source, destination) === undefined) this.#connect(this.#known)
    }
  }

  #connect(carrier: number): void {
    const { flows } = this.#network
    const from = flows.source[carrier] ?? 0
    const to = flows.destination[carrier] ?? 0
    const there = this.#sender(carrier, true)
    const back = this.#sender(carrier, false)
    const source = this.#makeEnd(from, to, { out: there, in: new StreamReceiver(back.sizes) })
    const destination = this.#makeEnd(to, from, { out: back, in: new StreamReceiver(there.sizes) })
    LinkEnd.join(source.link, destination.link)
    this.#connections.set(carrier, { source, destination })
    const roundTripUs = (this.#idlePs(from, to, SMALL_BYTES) + 2 * this.#pollPs) / PS_PER_US
    source.link.roundTrip(roundTripUs)
    destination.link.roundTrip(roundTripUs)
  }

  #makeEnd(host: number, other: number, streams: Pick<End, 'out' | 'in'>): End {
    const link = new LinkEnd({
      credits: this.#creditsOf(host),
      now: () => this.#nowMs(),
      write: (bytes) => streams.out.write(bytes),
      onRead: (flow, bytes) => this.#network.delivered(flow, bytes),
    })
    const end = { host, link, ...streams }
    const ends = this.#ends.get(host) ?? new Map<number, End>()
    this.#ends.set(host, ends.set(other, end))
    return end
  }

  #creditsOf(host: number): Credits {
    const known = this.#credits.get(host)
    if (known !== undefined) return known
    const isStanding = this.#options.isStanding?.(host) ?? true
    const credits = new Credits({ isStanding, now: () => this.#nowMs() })
    this.#credits.set(host, credits)
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

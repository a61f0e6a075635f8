/**
 * Transports with a window and an acknowledgement for each packet: TCP NewReno, CUBIC, DCTCP and
 * Swift. They differ in what decides the window, and NewReno in that it does not look at which
 * packet arrived. Acknowledgements say whether it was marked, and are never delayed.
 */
import { FLAG, HEADER_BYTES, KIND } from '../net/packet.js'
import { packetsOf, payloadOf } from '../net/segments.js'
import { PS_PER_S } from '../net/time.js'
import type { Network, Transport, TransportFactory } from '../net/transport.js'
import { Arrivals } from './arrivals.js'
import type { Congestion } from './congestion.js'
import { Cubic } from './cubic.js'
import { Cumulative } from './cumulative.js'
import { Dctcp } from './dctcp.js'
import {
  INITIAL_WINDOW,
  idleRoundTripPs,
  isNicFull,
  LEAST_TIMEOUT_PS,
  RECEIVE_BYTES,
} from './linux.js'
import { NewReno } from './new-reno.js'
import type { Outstanding, OutstandingParts } from './outstanding.js'
import { RoundTrip } from './round-trip.js'
import { Selective } from './selective.js'
import { Swift } from './swift.js'
import { type SenderPort, WindowSender } from './window-sender.js'

export type WindowOptions = {
  /** Payload of a full packet. */
  readonly payloadBytes: number
  /** Packets at the start. Default 10. */
  readonly initialWindow?: number
  /** Least time-out. Default 200 ms. */
  readonly leastTimeoutPs?: number
}

export type SwiftTransportOptions = WindowOptions & {
  /** Delay in queues that a large flow aims for. Default 20 us. */
  readonly queuePs?: number
}

type Plan = {
  readonly name: string
  /** Whether it is a TCP as the kernel of a host has it. */
  readonly isFairAtHosts: boolean
  readonly options: WindowOptions
  readonly isEcnCapable: boolean
  readonly makeOutstanding: (parts: OutstandingParts) => Outstanding
  readonly makeCongestion: (idlePs: number, initialWindow: number) => Congestion
}

const SWIFT_QUEUE_PS = 20e-6 * PS_PER_S
const cumulative: Plan['makeOutstanding'] = (parts) => new Cumulative(parts)
const selective: Plan['makeOutstanding'] = (parts) => new Selective(parts)
const TIMEOUT = 0
const PACE = 1

/** Drop-tail TCP. */
export function newReno(options: WindowOptions): TransportFactory {
  const makeCongestion: Plan['makeCongestion'] = (_, window) => new NewReno(window)
  return make({
    name: 'NewReno',
    isFairAtHosts: true,
    options,
    isEcnCapable: false,
    makeOutstanding: cumulative,
    makeCongestion,
  })
}

export function cubic(options: WindowOptions): TransportFactory {
  const makeCongestion: Plan['makeCongestion'] = (_, window) => new Cubic(window)
  return make({
    name: 'CUBIC',
    isFairAtHosts: true,
    options,
    isEcnCapable: false,
    makeOutstanding: selective,
    makeCongestion,
  })
}

/** Needs switches that mark. */
export function dctcp(options: WindowOptions): TransportFactory {
  const makeCongestion: Plan['makeCongestion'] = (_, window) => new Dctcp(window)
  return make({
    name: 'DCTCP',
    isFairAtHosts: true,
    options,
    isEcnCapable: true,
    makeOutstanding: selective,
    makeCongestion,
  })
}

export function swift(options: SwiftTransportOptions): TransportFactory {
  const { queuePs = SWIFT_QUEUE_PS } = options
  const makeCongestion: Plan['makeCongestion'] = (idlePs, initialWindow) =>
    new Swift({ idlePs, queuePs, initialWindow })
  return make({
    name: 'Swift',
    isFairAtHosts: false,
    options,
    isEcnCapable: false,
    makeOutstanding: selective,
    makeCongestion,
  })
}

function make(plan: Plan): TransportFactory {
  return (network) => new WindowTransport(network, plan)
}

export class WindowTransport implements Transport {
  readonly name: string
  readonly isFairAtHosts: boolean
  readonly #network: Network
  readonly #plan: Plan
  /** Both ends of the flows that have begun and are not wholly acknowledged. */
  readonly #ends = new Map<number, WindowEnds>()

  constructor(network: Network, plan: Plan) {
    this.name = plan.name
    this.isFairAtHosts = plan.isFairAtHosts
    this.#network = network
    this.#plan = plan
  }

  /** What decides the window of a flow that is not done: for measurements. */
  congestionOf(flow: number): Congestion | undefined {
    return this.#ends.get(flow)?.sender.congestion
  }

  start(flow: number): void {
    const ends = new WindowEnds({ flow, network: this.#network, plan: this.#plan })
    this.#ends.set(flow, ends)
    ends.sender.fill()
  }

  receiverGot(packet: number): void {
    const { packets } = this.#network
    const flow = packets.flow[packet] ?? 0
    const payload = packets.payload[packet] ?? 0
    const ends = this.#ends.get(flow)
    // What was trimmed counts as lost.
    if (ends === undefined || payload === 0) return
    const isMarked = packets.has(packet, FLAG.marked)
    const sentPs = packets.sentPs[packet] ?? 0
    const arrived = packets.sequence[packet] ?? 0
    const isNew = ends.arrivals.take(arrived)
    const ack = this.#network.toSender(flow, KIND.ack, isMarked ? FLAG.echo : 0)
    const { sequence, value, echoPs } = this.#network.packets
    sequence[ack] = ends.arrivals.next
    value[ack] = arrived
    echoPs[ack] = sentPs
    this.#network.send(ack)
    if (isNew) this.#network.delivered(flow, payload)
  }

  senderGot(packet: number): void {
    const { packets, nowPs } = this.#network
    const flow = packets.flow[packet] ?? 0
    const sender = this.#ends.get(flow)?.sender
    if (sender === undefined || packets.kind[packet] !== KIND.ack) return
    sender.acknowledged({
      acked: packets.sequence[packet] ?? 0,
      arrived: packets.value[packet] ?? 0,
      roundTripPs: nowPs - (packets.echoPs[packet] ?? 0),
      isMarked: packets.has(packet, FLAG.echo),
    })
    if (!sender.isDone) return
    this.#network.cancelFlowTimer(flow, TIMEOUT)
    this.#network.cancelFlowTimer(flow, PACE)
    this.#ends.delete(flow)
  }

  flowTimer(flow: number, which: number): void {
    const ends = this.#ends.get(flow)
    if (ends === undefined) return
    if (which === PACE) {
      ends.sender.fill()
      return
    }
    this.#network.timedOut(flow)
    ends.sender.timedOut()
  }

  hostTimer(): void {}
}

/** Both ends of one flow, and the sender's way to the network. */
class WindowEnds implements SenderPort {
  readonly sender: WindowSender
  readonly arrivals = new Arrivals()
  readonly #flow: number
  readonly #network: Network
  readonly #source: number
  readonly #bytes: number
  readonly #payloadBytes: number
  readonly #flags: number

  constructor({ flow, network, plan }: { flow: number; network: Network; plan: Plan }) {
    const { payloadBytes, initialWindow = INITIAL_WINDOW } = plan.options
    const { leastTimeoutPs = LEAST_TIMEOUT_PS } = plan.options
    const { flows } = network
    this.#flow = flow
    this.#network = network
    this.#source = flows.source[flow] ?? 0
    this.#bytes = flows.bytes[flow] ?? 0
    this.#payloadBytes = payloadBytes
    this.#flags = plan.isEcnCapable ? FLAG.ecnCapable : 0
    const there = Math.min(payloadBytes, this.#bytes) + HEADER_BYTES
    const idlePs = idleRoundTripPs(network, flow, { there, back: HEADER_BYTES })
    const packets = packetsOf(this.#bytes, payloadBytes)
    const receiveWindow = Math.ceil(RECEIVE_BYTES / payloadBytes)
    this.sender = new WindowSender(this, {
      packets,
      outstanding: plan.makeOutstanding({ packets, receiveWindow }),
      congestion: plan.makeCongestion(idlePs, initialWindow),
      roundTrip: new RoundTrip(idlePs, leastTimeoutPs),
    })
  }

  get nowPs(): number {
    return this.#network.nowPs
  }

  get isNicFull(): boolean {
    return isNicFull(this.#network, this.#source)
  }

  send(sequence: number, isAgain: boolean): void {
    const payload = payloadOf(this.#bytes, this.#payloadBytes, sequence)
    const packet = this.#network.toReceiver(this.#flow, KIND.data, payload, this.#flags)
    this.#network.packets.sequence[packet] = sequence
    this.#network.send(packet)
    if (isAgain) this.#network.retransmitted(this.#flow)
  }

  setDeadline(atPs: number | undefined): void {
    if (atPs === undefined) this.#network.cancelFlowTimer(this.#flow, TIMEOUT)
    else this.#network.setFlowTimer(this.#flow, TIMEOUT, atPs)
  }

  setPace(atPs: number): void {
    this.#network.setFlowTimer(this.#flow, PACE, atPs)
  }
}

/**
 * A TCP connection over a packet network that stays open, with a stream each way. Its packets
 * travel under the number of one flow between the two hosts, which only gives them their addresses.
 * Knows nothing of what the bytes mean.
 */
import { FLAG, KIND } from '../net/packet.js'
import type { Network } from '../net/transport.js'
import { idleRoundTripPs, isNicFull } from './linux.js'
import { type StreamPort, StreamReceiver, StreamSender, type StreamTerms } from './tcp-stream.js'

/** At one end. */
export type Streams = { readonly out: StreamSender; readonly in: StreamReceiver }

export type ConnectionTerms = Omit<StreamTerms, 'idlePs'>

/** Timers of the flow: of what its source sends, and of what its destination sends. */
const FORWARD = 0
const BACKWARD = 1

type Segment = {
  readonly isForward: boolean
  readonly kind: typeof KIND.data | typeof KIND.ack
  /** Of data, its number; of an acknowledgement, the first segment that is missing. */
  readonly sequence: number
  /** Of an acknowledgement: the segment that caused it. */
  readonly arrived: number
  readonly payload: number
  readonly echoPs: number
}

export class TcpConnection {
  readonly #network: Network
  readonly #carrier: number
  readonly atSource: Streams
  readonly atDestination: Streams

  constructor(network: Network, carrier: number, terms: ConnectionTerms) {
    this.#network = network
    this.#carrier = carrier
    const { segmentBytes } = terms
    const idlePs = idleRoundTripPs(network, carrier, { there: segmentBytes, back: segmentBytes })
    const forward = new StreamSender(this.#port(true), { ...terms, idlePs })
    const backward = new StreamSender(this.#port(false), { ...terms, idlePs })
    this.atSource = { out: forward, in: new StreamReceiver(backward.sizes) }
    this.atDestination = { out: backward, in: new StreamReceiver(forward.sizes) }
  }

  /** A packet of the connection reached one end: returns how many more bytes can be read there. */
  got(packet: number): number {
    const { packets, nowPs } = this.#network
    const isForward = !packets.has(packet, FLAG.toSender)
    const { out, in: into } = isForward ? this.atDestination : this.atSource
    const sequence = packets.sequence[packet] ?? 0
    if (packets.kind[packet] === KIND.ack) {
      const roundTripPs = nowPs - (packets.echoPs[packet] ?? 0)
      const arrived = packets.value[packet] ?? 0
      out.acknowledged({ acked: sequence, arrived, roundTripPs, isMarked: false })
      return 0
    }
    const echoPs = packets.sentPs[packet] ?? 0
    const bytes = into.take(sequence)
    const ack = { kind: KIND.ack, sequence: into.next, arrived: sequence, payload: 0, echoPs }
    this.#send({ isForward: !isForward, ...ack })
    return bytes
  }

  /** Timer `which` of the carrying flow ran out. */
  timedOut(which: number): void {
    this.#network.timedOut(this.#carrier)
    const { out } = which === FORWARD ? this.atSource : this.atDestination
    out.timedOut()
  }

  #port(isForward: boolean): StreamPort {
    const network = this.#network
    const carrier = this.#carrier
    const { source, destination } = network.flows
    const host = (isForward ? source : destination)[carrier] ?? 0
    const timer = isForward ? FORWARD : BACKWARD
    return {
      get nowPs() {
        return network.nowPs
      },
      get isNicFull() {
        return isNicFull(network, host)
      },
      send: ({ sequence, payload, isAgain }) => {
        if (isAgain) network.retransmitted(carrier)
        const data = { kind: KIND.data, sequence, arrived: 0, payload, echoPs: 0 }
        this.#send({ isForward, ...data })
      },
      setDeadline: (atPs) => {
        if (atPs === undefined) network.cancelFlowTimer(carrier, timer)
        else network.setFlowTimer(carrier, timer, atPs)
      },
    }
  }

  #send({ isForward, kind, sequence, arrived, payload, echoPs }: Segment): void {
    const { packets } = this.#network
    const packet = isForward
      ? this.#network.toReceiver(this.#carrier, kind, payload, 0)
      : this.#network.toSender(this.#carrier, kind, 0)
    if (!isForward) {
      packets.payload[packet] = payload
      packets.bytes[packet] = (packets.bytes[packet] ?? 0) + payload
    }
    packets.sequence[packet] = sequence
    packets.value[packet] = arrived
    packets.echoPs[packet] = echoPs
    this.#network.send(packet)
  }
}

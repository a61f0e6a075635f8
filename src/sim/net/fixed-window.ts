/**
 * The simplest transport that ends every flow: so many packets in flight, each acknowledged by
 * itself, and what is not acknowledged in time is sent again. It controls no congestion; it loads
 * the network for tests and benchmarks and shows how a transport is written.
 */
import { FLAG, KIND } from './packet.js'
import { packetsOf, payloadOf } from './segments.js'
import type { Network, Transport, TransportFactory } from './transport.js'

export type FixedWindowOptions = {
  /** Payload of a full packet. */
  readonly payloadBytes: number
  /** Packets in flight; infinite: the whole flow at once. */
  readonly window: number
  /** Silence after which unacknowledged packets are sent again. */
  readonly timeoutPs: number
  readonly isEcnCapable?: boolean
}

const RETRANSMIT = 0

/** One flow; `sequence` counts packets. */
type Flow = {
  readonly packets: number
  /** By packet: whether it was acknowledged, and whether it has come. */
  readonly acked: Uint8Array
  readonly came: Uint8Array
  next: number
  inFlight: number
  ackedCount: number
}

export function fixedWindow(options: FixedWindowOptions): TransportFactory {
  return (network) => new FixedWindow(network, options)
}

class FixedWindow implements Transport {
  readonly name = 'fixed window'
  readonly #network: Network
  readonly #options: FixedWindowOptions
  readonly #flows: Flow[] = []
  readonly #dataFlags: number

  constructor(network: Network, options: FixedWindowOptions) {
    this.#network = network
    this.#options = options
    this.#dataFlags = options.isEcnCapable === true ? FLAG.ecnCapable : 0
  }

  start(flow: number): void {
    const bytes = this.#network.flows.bytes[flow] ?? 0
    const packets = packetsOf(bytes, this.#options.payloadBytes)
    const [acked, came] = [new Uint8Array(packets), new Uint8Array(packets)]
    this.#flows[flow] = { packets, acked, came, next: 0, inFlight: 0, ackedCount: 0 }
    this.#fill(flow)
  }

  receiverGot(packet: number): void {
    const { packets } = this.#network
    const flow = packets.flow[packet] ?? 0
    const sequence = packets.sequence[packet] ?? 0
    const state = this.#flows[flow]
    const payload = packets.payload[packet] ?? 0
    // A trimmed packet tells nothing: its time-out does.
    if (state === undefined || payload === 0) return
    const sentPs = packets.sentPs[packet] ?? 0
    const ack = this.#network.toSender(flow, KIND.ack, 0)
    packets.sequence[ack] = sequence
    packets.echoPs[ack] = sentPs
    this.#network.send(ack)
    if (state.came[sequence] === 1) return
    state.came[sequence] = 1
    this.#network.delivered(flow, payload)
  }

  senderGot(packet: number): void {
    const { packets } = this.#network
    const flow = packets.flow[packet] ?? 0
    const sequence = packets.sequence[packet] ?? 0
    const state = this.#flows[flow]
    const isAck = packets.kind[packet] === KIND.ack
    if (state === undefined || !isAck || state.acked[sequence] === 1) return
    state.acked[sequence] = 1
    state.ackedCount++
    state.inFlight--
    this.#fill(flow)
  }

  flowTimer(flow: number): void {
    const state = this.#flows[flow]
    if (state === undefined) return
    this.#network.timedOut(flow)
    for (let sequence = 0; sequence < state.next; sequence++) {
      if (state.acked[sequence] === 1) continue
      this.#network.retransmitted(flow)
      this.#send(flow, sequence)
    }
    this.#wait(flow)
  }

  hostTimer(): void {}

  #fill(flow: number): void {
    const state = this.#flows[flow]
    if (state === undefined) return
    while (state.inFlight < this.#options.window && state.next < state.packets) {
      this.#send(flow, state.next++)
      state.inFlight++
    }
    if (state.ackedCount < state.packets) this.#wait(flow)
    else this.#network.cancelFlowTimer(flow, RETRANSMIT)
  }

  #send(flow: number, sequence: number): void {
    const { payloadBytes } = this.#options
    const bytes = this.#network.flows.bytes[flow] ?? 0
    const payload = payloadOf(bytes, payloadBytes, sequence)
    const packet = this.#network.toReceiver(flow, KIND.data, payload, this.#dataFlags)
    this.#network.packets.sequence[packet] = sequence
    this.#network.send(packet)
  }

  #wait(flow: number): void {
    this.#network.setFlowTimer(flow, RETRANSMIT, this.#network.nowPs + this.#options.timeoutPs)
  }
}

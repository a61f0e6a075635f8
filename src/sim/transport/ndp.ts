/**
 * NDP (Handley et al., "Re-architecting datacenter networks and stacks for low latency and high
 * performance", SIGCOMM 2017): a sender starts at full speed, switches cut the payload of what does
 * not fit (section 3.1), and from then on the receiver asks for one packet after the other at the
 * rate of its own link (section 3.2). As in EQDS (Olteanu et al., NSDI 2022), the sender tells what
 * it has to send, so that nobody is asked who has nothing.
 *
 * The network has to trim, and to return headers that it cannot keep; without the latter they are
 * lost and time-outs send again. Nothing depends on the order of packets, so each may take another
 * path.
 */
import { FLAG, HEADER_BYTES, KIND } from '../net/packet.js'
import { packetsOf } from '../net/segments.js'
import { serialisationPs } from '../net/time.js'
import type { Network, Transport, TransportFactory } from '../net/transport.js'
import { NdpReceiver } from './ndp-receiver.js'
import { NdpSender } from './ndp-sender.js'

export type NdpOptions = {
  /** Payload of a full packet. */
  readonly payloadBytes: number
  /** Packets sent before anything is asked for. */
  readonly initialWindow: number
  /** Silence after which a packet is sent, or asked for, again. Default: see `TIMEOUT_FACTOR`. */
  readonly timeoutPs?: number
}

/** What one queue of its switches holds (section 4). */
export const NDP_QUEUE_PACKETS = 8
/**
 * Time-outs are many times the zero-load delay of a full packet: with queues of eight packets no
 * round trip takes so long, and what switches do is told by headers, not by silence.
 */
const TIMEOUT_FACTOR = 60
/** Timers of a flow. */
const SENDER = 0
const RECEIVER = 1
/** Of a host. */
const PACE = 0

export function ndp(options: NdpOptions): TransportFactory {
  return (network) => new Ndp(network, options)
}

class Ndp implements Transport {
  readonly name = 'NDP'
  readonly #network: Network
  readonly #options: NdpOptions
  readonly #senders: (NdpSender | undefined)[] = []
  readonly #receivers: (NdpReceiver | undefined)[] = []
  /** By host: flows to ask, next first. */
  readonly #rings: number[][]
  /** By host: before this nothing more is asked for. */
  readonly #freePs: Float64Array

  constructor(network: Network, options: NdpOptions) {
    this.#network = network
    this.#options = options
    this.#rings = Array.from({ length: network.hosts }, () => [])
    this.#freePs = new Float64Array(network.hosts)
  }

  start(flow: number): void {
    const sender = new NdpSender(this.#network, {
      flow,
      payloadBytes: this.#options.payloadBytes,
      initialWindow: this.#options.initialWindow,
      timeoutPs: this.#timeoutPs(flow),
    })
    this.#senders[flow] = sender
    sender.begin()
    this.#watchSender(flow)
  }

  receiverGot(packet: number): void {
    const { packets, flows } = this.#network
    const flow = packets.flow[packet] ?? 0
    const receiver = this.#receiverOf(flow)
    const sequence = packets.sequence[packet] ?? 0
    const payload = packets.payload[packet] ?? 0
    const isHeader = packets.has(packet, FLAG.trimmed)
    const returns = packets.value[packet] ?? 0
    const isNew = receiver.arrived({ sequence, isHeader, returns }, this.#network.nowPs)
    const answer = this.#network.toSender(flow, isHeader ? KIND.nack : KIND.ack, FLAG.urgent)
    packets.sequence[answer] = sequence
    packets.value[answer] = receiver.returns
    this.#network.send(answer)
    if (receiver.isDone) this.#network.cancelFlowTimer(flow, RECEIVER)
    if (isNew) this.#network.delivered(flow, payload)
    this.#ask(flow, receiver)
    this.#pace(flows.destination[flow] ?? 0)
  }

  senderGot(packet: number): void {
    const { packets } = this.#network
    const flow = packets.flow[packet] ?? 0
    const sender = this.#senders[flow]
    if (sender === undefined) return
    const sequence = packets.sequence[packet] ?? 0
    const kind = packets.kind[packet]
    const known = packets.value[packet] ?? 0
    if (packets.has(packet, FLAG.returned)) sender.returned(sequence)
    else if (kind === KIND.ack) sender.acknowledged(sequence, known)
    else if (kind === KIND.nack) sender.refused(sequence, known)
    else sender.pulled(sequence)
    if (!sender.isDone) return
    this.#senders[flow] = undefined
    this.#network.cancelFlowTimer(flow, SENDER)
  }

  flowTimer(flow: number, which: number): void {
    if (which === SENDER) {
      this.#senders[flow]?.timeOut()
      this.#watchSender(flow)
      return
    }
    const receiver = this.#receivers[flow]
    if (receiver === undefined || receiver.isDone) return
    const { nowPs } = this.#network
    const timeoutPs = this.#timeoutPs(flow)
    const isSilent = receiver.silentSincePs + timeoutPs <= nowPs
    // However many seem to be outstanding: what came twice is counted twice.
    if (isSilent && !receiver.isQueued) {
      receiver.pull(nowPs)
      this.#sendPull(flow, receiver)
    }
    const sincePs = isSilent ? nowPs : receiver.silentSincePs
    this.#network.setFlowTimer(flow, which, sincePs + timeoutPs)
  }

  /** One more pull may go. */
  hostTimer(host: number): void {
    const ring = this.#rings[host] ?? []
    for (let flow = ring.shift(); flow !== undefined; flow = ring.shift()) {
      const receiver = this.#receivers[flow]
      if (receiver === undefined) continue
      receiver.isQueued = false
      if (!receiver.wantsPull) continue
      receiver.pull(this.#network.nowPs)
      this.#sendPull(flow, receiver)
      this.#ask(flow, receiver)
      break
    }
    this.#pace(host)
  }

  #receiverOf(flow: number): NdpReceiver {
    const known = this.#receivers[flow]
    if (known !== undefined) return known
    const { payloadBytes, initialWindow } = this.#options
    const packets = packetsOf(this.#network.flows.bytes[flow] ?? 0, payloadBytes)
    const receiver = new NdpReceiver(packets, initialWindow)
    this.#receivers[flow] = receiver
    return receiver
  }

  /** Flows to one host are asked in turn (section 3.2: fairly, unless told otherwise). */
  #ask(flow: number, receiver: NdpReceiver): void {
    if (receiver.isQueued || !receiver.wantsPull) return
    receiver.isQueued = true
    this.#rings[this.#network.flows.destination[flow] ?? 0]?.push(flow)
  }

  /** Pulls go as far apart as the packets they ask for take on the last link. */
  #pace(host: number): void {
    if ((this.#rings[host]?.length ?? 0) === 0 || this.#network.isHostTimerSet(host, PACE)) return
    const atPs = Math.max(this.#network.nowPs, this.#freePs[host] ?? 0)
    const fullBytes = this.#options.payloadBytes + HEADER_BYTES
    this.#freePs[host] = atPs + serialisationPs(fullBytes, this.#network.hostRate(host))
    this.#network.setHostTimer(host, PACE, atPs)
  }

  #sendPull(flow: number, receiver: NdpReceiver): void {
    const pull = this.#network.toSender(flow, KIND.pull, FLAG.urgent)
    this.#network.packets.sequence[pull] = receiver.pulls
    this.#network.send(pull)
    if (this.#network.isFlowTimerSet(flow, RECEIVER)) return
    this.#network.setFlowTimer(flow, RECEIVER, this.#network.nowPs + this.#timeoutPs(flow))
  }

  #watchSender(flow: number): void {
    const sender = this.#senders[flow]
    if (sender === undefined) return
    const { nowPs } = this.#network
    const timeoutPs = this.#timeoutPs(flow)
    this.#network.setFlowTimer(flow, SENDER, Math.max(sender.duePs(nowPs + timeoutPs), nowPs + 1))
  }

  #timeoutPs(flow: number): number {
    const { flows } = this.#network
    const bytes = this.#options.payloadBytes + HEADER_BYTES
    const [from, to] = [flows.source[flow] ?? 0, flows.destination[flow] ?? 0]
    return this.#options.timeoutPs ?? TIMEOUT_FACTOR * this.#network.zeroLoadPs(from, to, bytes)
  }
}

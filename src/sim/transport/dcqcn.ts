/**
 * DCQCN: Zhu and others, "Congestion Control for Large-Scale RDMA Deployments", SIGCOMM 2015.
 * Switches mark; the receiver turns marks into notifications; the sender lowers and raises a rate.
 * Made for networks that do not lose (priority flow control, the network's part); what is lost
 * after all is mended by going back to it, as RDMA cards of the time do. Packets must keep to one
 * path.
 */
import { FLAG, HEADER_BYTES, KIND } from '../net/packet.js'
import { packetsOf, payloadOf } from '../net/segments.js'
import { PS_PER_S, psPerByte } from '../net/time.js'
import type { Network, Transport, TransportFactory } from '../net/transport.js'
import { DCQCN, DcqcnRate } from './dcqcn-rate.js'

export type DcqcnOptions = {
  /** Payload of a full packet. */
  readonly payloadBytes: number
  /** Silence after which a sender goes back to what is not acknowledged. Default 4 ms. */
  readonly timeoutPs?: number
}

const TIMEOUT_PS = 4e-3 * PS_PER_S
/** Packets for each acknowledgement; the last packet always has one. */
const PACKETS_PER_ACK = 8
/** Packets that wait in a NIC; a pause leaves all others with their flows. */
const NIC_PACKETS = 2
const PACE = 0
const RAISE = 1
const TIMEOUT = 2
const NIC = 0

type Flow = {
  readonly source: number
  readonly bytes: number
  readonly packets: number
  readonly rate: DcqcnRate
  /** The sender: all before it acknowledged, next to send, first never sent. */
  acked: number
  next: number
  highest: number
  /** When the rate lets the next packet go. */
  nextPs: number
  /** When last something was sent or newly acknowledged. */
  progressPs: number
  isWaiting: boolean
  /** The receiver: next packet in order, the gap it has told of, its last notification. */
  expected: number
  toldGap: number
  notifiedPs: number
}

export function dcqcn(options: DcqcnOptions): TransportFactory {
  return (network) => new Dcqcn(network, options)
}

class Dcqcn implements Transport {
  readonly name = 'DCQCN'
  readonly #network: Network
  readonly #payloadBytes: number
  readonly #timeoutPs: number
  readonly #flows = new Map<number, Flow>()
  /** By host: flows whose rate lets them send, in turn, while the NIC is full or paused. */
  readonly #waiting: number[][]

  constructor(network: Network, { payloadBytes, timeoutPs = TIMEOUT_PS }: DcqcnOptions) {
    this.#network = network
    this.#payloadBytes = payloadBytes
    this.#timeoutPs = timeoutPs
    this.#waiting = Array.from({ length: network.hosts }, () => [])
  }

  start(flow: number): void {
    const { flows, nowPs } = this.#network
    const source = flows.source[flow] ?? 0
    const bytes = flows.bytes[flow] ?? 0
    this.#flows.set(flow, {
      source,
      bytes,
      packets: packetsOf(bytes, this.#payloadBytes),
      rate: new DcqcnRate(this.#network.hostRate(source)),
      ...{ acked: 0, next: 0, highest: 0, nextPs: nowPs, progressPs: nowPs, isWaiting: false },
      ...{ expected: 0, toldGap: -1, notifiedPs: Number.NEGATIVE_INFINITY },
    })
    this.#network.setFlowTimer(flow, TIMEOUT, nowPs + this.#timeoutPs)
    this.#offer(flow)
  }

  receiverGot(packet: number): void {
    const { packets } = this.#network
    const flow = packets.flow[packet] ?? 0
    const state = this.#flows.get(flow)
    const payload = packets.payload[packet] ?? 0
    if (state === undefined || payload === 0) return
    const sequence = packets.sequence[packet] ?? 0
    if (packets.has(packet, FLAG.marked)) this.#notify(flow, state)
    if (sequence > state.expected) this.#tellGap(flow, state)
    else this.#acknowledge(flow, state, { sequence, isLast: packets.has(packet, FLAG.last) })
    if (sequence !== state.expected) return
    state.expected++
    this.#network.delivered(flow, payload)
  }

  senderGot(packet: number): void {
    const { packets, nowPs } = this.#network
    const flow = packets.flow[packet] ?? 0
    const state = this.#flows.get(flow)
    // A header that a switch sent back acknowledges nothing.
    if (state === undefined || packets.kind[packet] === KIND.data) return
    if (packets.kind[packet] === KIND.cnp) {
      state.rate.notified(nowPs)
      this.#network.setFlowTimer(flow, RAISE, nowPs + DCQCN.timerPs)
      return
    }
    const acked = packets.sequence[packet] ?? 0
    if (acked > state.acked) {
      state.acked = acked
      state.next = Math.max(state.next, acked)
      state.progressPs = nowPs
    }
    if (state.acked === state.packets) this.#end(flow)
    else if (packets.kind[packet] === KIND.nack && acked === state.acked) this.#goBack(flow, state)
  }

  flowTimer(flow: number, which: number): void {
    const state = this.#flows.get(flow)
    if (state === undefined) return
    if (which === PACE) this.#offer(flow)
    else if (which === RAISE) this.#raise(flow, state)
    else this.#checkProgress(flow, state)
  }

  hostTimer(host: number): void {
    const waiting = this.#waiting[host] ?? []
    while (waiting.length > 0 && !this.#isNicFull(host)) {
      const flow = waiting.shift() ?? 0
      const state = this.#flows.get(flow)
      if (state === undefined) continue
      state.isWaiting = false
      this.#send(flow, state)
    }
    if (waiting.length > 0) this.#awaitNic(host)
  }

  /** Sends a packet when the rate lets it go, the NIC has room and no other flow waits for it. */
  #offer(flow: number): void {
    const { nowPs } = this.#network
    const state = this.#flows.get(flow)
    if (state === undefined || state.isWaiting || state.next >= state.packets) return
    if (state.nextPs > nowPs) {
      this.#network.setFlowTimer(flow, PACE, state.nextPs)
      return
    }
    const waiting = this.#waiting[state.source] ?? []
    if (waiting.length === 0 && !this.#isNicFull(state.source)) {
      this.#send(flow, state)
      return
    }
    state.isWaiting = true
    waiting.push(flow)
    this.#awaitNic(state.source)
  }

  #send(flow: number, state: Flow): void {
    const { nowPs } = this.#network
    if (state.next >= state.packets) return
    const sequence = state.next++
    const payload = payloadOf(state.bytes, this.#payloadBytes, sequence)
    const last = state.next === state.packets ? FLAG.last : 0
    const packet = this.#network.toReceiver(flow, KIND.data, payload, FLAG.ecnCapable | last)
    this.#network.packets.sequence[packet] = sequence
    const bytes = this.#network.packets.bytes[packet] ?? 0
    this.#network.send(packet)
    if (sequence < state.highest) this.#network.retransmitted(flow)
    state.highest = Math.max(state.highest, state.next)
    state.progressPs = nowPs
    state.rate.sent(bytes)
    state.nextPs = Math.ceil(nowPs + bytes * psPerByte(state.rate.rate))
    this.#offer(flow)
  }

  #isNicFull(host: number): boolean {
    return this.#network.nicBytes(host) >= NIC_PACKETS * (this.#payloadBytes + HEADER_BYTES)
  }

  /** Looks again when one packet could have left. */
  #awaitNic(host: number): void {
    if (this.#network.isHostTimerSet(host, NIC)) return
    const packetPs = (this.#payloadBytes + HEADER_BYTES) * psPerByte(this.#network.hostRate(host))
    this.#network.setHostTimer(host, NIC, Math.ceil(this.#network.nowPs + packetPs))
  }

  #raise(flow: number, state: Flow): void {
    state.rate.timerStep()
    if (state.rate.isAtLine) return
    this.#network.setFlowTimer(flow, RAISE, this.#network.nowPs + DCQCN.timerPs)
  }

  #checkProgress(flow: number, state: Flow): void {
    const { nowPs } = this.#network
    const isMissing = state.highest > state.acked
    const duePs = isMissing ? state.progressPs + this.#timeoutPs : Number.POSITIVE_INFINITY
    const isLate = duePs <= nowPs
    const againPs = isLate || !isMissing ? nowPs + this.#timeoutPs : duePs
    this.#network.setFlowTimer(flow, TIMEOUT, againPs)
    if (!isLate) return
    this.#network.timedOut(flow)
    state.progressPs = nowPs
    this.#goBack(flow, state)
  }

  #goBack(flow: number, state: Flow): void {
    state.next = state.acked
    this.#offer(flow)
  }

  #end(flow: number): void {
    for (const timer of [PACE, RAISE, TIMEOUT]) this.#network.cancelFlowTimer(flow, timer)
    this.#flows.delete(flow)
  }

  #notify(flow: number, state: Flow): void {
    const { nowPs } = this.#network
    if (nowPs - state.notifiedPs < DCQCN.notifyPs) return
    state.notifiedPs = nowPs
    this.#network.send(this.#network.toSender(flow, KIND.cnp, FLAG.urgent))
  }

  /** Once for each gap: what follows it is dropped until the sender has gone back. */
  #tellGap(flow: number, state: Flow): void {
    if (state.toldGap === state.expected) return
    state.toldGap = state.expected
    this.#reply(flow, KIND.nack, state.expected)
  }

  #acknowledge(
    flow: number,
    state: Flow,
    { sequence, isLast }: { sequence: number; isLast: boolean },
  ): void {
    const isOld = sequence < state.expected
    const next = isOld ? state.expected : sequence + 1
    if (isOld || isLast || next % PACKETS_PER_ACK === 0) this.#reply(flow, KIND.ack, next)
  }

  #reply(flow: number, kind: typeof KIND.ack | typeof KIND.nack, sequence: number): void {
    const packet = this.#network.toSender(flow, kind, 0)
    this.#network.packets.sequence[packet] = sequence
    this.#network.send(packet)
  }
}

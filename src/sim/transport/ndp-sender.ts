/**
 * The sender of an NDP flow: the first window at once, then a packet for every pull, those that
 * were cut or returned before new ones. Knows nothing of other flows.
 */
import { KIND } from '../net/packet.js'
import { packetsOf, payloadOf } from '../net/segments.js'
import { psPerByte } from '../net/time.js'
import type { Network } from '../net/transport.js'

export type NdpSenderOptions = {
  readonly flow: number
  readonly payloadBytes: number
  readonly initialWindow: number
  readonly timeoutPs: number
}

/** Of a packet. */
const UNSENT = 0
const IN_FLIGHT = 1
const WAITING = 2
const ACKNOWLEDGED = 3

export class NdpSender {
  readonly #network: Network
  readonly #options: NdpSenderOptions
  readonly #bytes: number
  readonly #packets: number
  readonly #window: number
  readonly #states: Uint8Array
  /** When each packet in flight must have been heard of. */
  readonly #duePs: Float64Array
  /** Packets to send again. */
  readonly #again: number[] = []
  #next = 0
  #inFlight = 0
  #acknowledged = 0
  #refusals = 0
  /** Returned packets that need a pull: those that went again without one do not count. */
  #returns = 0
  /** What of that the receiver knows. */
  #knownReturns = 0
  #pulls = 0
  /** Pulls that found nothing to send: they may overtake what tells of a cut packet. */
  #credit = 0

  constructor(network: Network, options: NdpSenderOptions) {
    const { flow, payloadBytes, initialWindow } = options
    this.#network = network
    this.#options = options
    this.#bytes = network.flows.bytes[flow] ?? 0
    this.#packets = packetsOf(this.#bytes, payloadBytes)
    this.#window = Math.min(this.#packets, initialWindow)
    this.#states = new Uint8Array(this.#packets)
    this.#duePs = new Float64Array(this.#packets)
  }

  get isDone(): boolean {
    return this.#acknowledged === this.#packets
  }

  begin(): void {
    while (this.#next < this.#window) this.#send(this.#next++)
  }

  acknowledged(sequence: number, knownReturns: number): void {
    this.#knownReturns = Math.max(this.#knownReturns, knownReturns)
    if (!this.#leaves(sequence, ACKNOWLEDGED)) return
    this.#acknowledged++
    this.#nudge()
  }

  /** It came without its payload. */
  refused(sequence: number, knownReturns: number): void {
    this.#knownReturns = Math.max(this.#knownReturns, knownReturns)
    this.#refusals++
    this.#repeat(sequence)
  }

  /** A switch had no room even for its header. */
  returned(sequence: number): void {
    this.#returns++
    this.#repeat(sequence)
  }

  /** `pulls`: in all, so that a lost one is made good by the next. */
  pulled(pulls: number): void {
    this.#credit += Math.max(0, pulls - this.#pulls)
    this.#pulls = Math.max(this.#pulls, pulls)
    this.#useCredit()
  }

  /** Sends again what was not heard of in time. */
  timeOut(): void {
    const { nowPs } = this.#network
    for (let sequence = 0; sequence < this.#next; sequence++) {
      if (this.#states[sequence] !== IN_FLIGHT || (this.#duePs[sequence] ?? 0) > nowPs) continue
      this.#network.timedOut(this.#options.flow)
      this.#inFlight--
      this.#sendAgain(sequence)
    }
  }

  /** When the first packet in flight times out; `otherwise` when there is none. */
  duePs(otherwise: number): number {
    let duePs = otherwise
    for (let sequence = 0; sequence < this.#next; sequence++) {
      if (this.#states[sequence] !== IN_FLIGHT) continue
      duePs = Math.min(duePs, this.#duePs[sequence] ?? duePs)
    }
    return duePs
  }

  #repeat(sequence: number): void {
    if (this.#leaves(sequence, WAITING)) this.#again.push(sequence)
    this.#useCredit()
    this.#nudge()
  }

  /** Whether that was news: a packet sent twice is heard of twice. */
  #leaves(sequence: number, state: number): boolean {
    const before = this.#states[sequence]
    const isNews = before === IN_FLIGHT || (before === WAITING && state === ACKNOWLEDGED)
    if (!isNews) return false
    if (before === IN_FLIGHT) this.#inFlight--
    else this.#again.splice(this.#again.indexOf(sequence), 1)
    this.#states[sequence] = state
    return true
  }

  #useCredit(): void {
    while (this.#credit > 0 && this.#sendNext()) this.#credit--
  }

  /**
   * Returned packets wait for a pull, or they would meet again in the same queue. Only where the
   * receiver does not know that there is more to ask for, one goes at once (section 3.2).
   */
  #nudge(): void {
    if (this.#again.length === 0 || this.#inFlight > 0 || this.#expectsPull) return
    this.#returns--
    this.#sendNext()
  }

  /** Whether the receiver will ask, with all it knows: as `NdpReceiver.wantsPull` has it. */
  get #expectsPull(): boolean {
    const heard = this.#acknowledged + this.#refusals
    const toSend = this.#packets - this.#window + this.#refusals + this.#knownReturns
    return toSend > this.#pulls && heard + this.#knownReturns > this.#pulls
  }

  #sendNext(): boolean {
    const again = this.#again.shift()
    if (again !== undefined) this.#sendAgain(again)
    else if (this.#next < this.#packets) this.#send(this.#next++)
    else return false
    return true
  }

  #sendAgain(sequence: number): void {
    this.#network.retransmitted(this.#options.flow)
    this.#states[sequence] = UNSENT
    this.#send(sequence)
  }

  #send(sequence: number): void {
    const { flow, payloadBytes, timeoutPs } = this.#options
    const { packets, flows } = this.#network
    const payload = payloadOf(this.#bytes, payloadBytes, sequence)
    const packet = this.#network.toReceiver(flow, KIND.data, payload, 0)
    packets.sequence[packet] = sequence
    packets.value[packet] = this.#returns
    this.#network.send(packet)
    const source = flows.source[flow] ?? 0
    const nicPs = this.#network.nicBytes(source) * psPerByte(this.#network.hostRate(source))
    this.#duePs[sequence] = Math.ceil(this.#network.nowPs + nicPs + timeoutPs)
    this.#states[sequence] = IN_FLIGHT
    this.#inFlight++
  }
}

/**
 * The sending end of one flow of a window transport: sends what the window allows, and waits no
 * longer for an acknowledgement than RFC 6298 says. How large the window is and what is lost,
 * others find out. Knows neither packets' fields nor receivers.
 */
import type { Ack, Congestion, Loss } from './congestion.js'
import type { Outstanding } from './outstanding.js'
import type { RoundTrip } from './round-trip.js'

/** What a sender asks of the transport around it. */
export type SenderPort = {
  readonly nowPs: number
  /** Whether the host's NIC holds so much that more can wait for the next acknowledgement. */
  readonly isNicFull: boolean
  send(sequence: number, isAgain: boolean): void
  /** When to call `timedOut`; undefined for never. It replaces what was set. */
  setDeadline(atPs: number | undefined): void
  /** When to call `fill`. */
  setPace(atPs: number): void
}

export type SenderParts = {
  /** Packets of the flow. */
  readonly packets: number
  readonly outstanding: Outstanding
  readonly congestion: Congestion
  readonly roundTrip: RoundTrip
}

/** What the receiver says of the flow and of the packet that made it speak. */
export type Acknowledgement = {
  /** All packets before it have arrived. */
  readonly acked: number
  readonly arrived: number
  readonly roundTripPs: number
  readonly isMarked: boolean
}

export class WindowSender {
  readonly #port: SenderPort
  #packets: number
  readonly #outstanding: Outstanding
  readonly #congestion: Congestion
  readonly #roundTrip: RoundTrip
  readonly #ack = emptyAck()
  /** Time-outs since the last progress. */
  #attempts = 0
  #lastSentPs = Number.NEGATIVE_INFINITY

  constructor(port: SenderPort, { packets, outstanding, congestion, roundTrip }: SenderParts) {
    this.#port = port
    this.#packets = packets
    this.#outstanding = outstanding
    this.#congestion = congestion
    this.#roundTrip = roundTrip
  }

  get congestion(): Congestion {
    return this.#congestion
  }

  get isDone(): boolean {
    return this.#outstanding.acked === this.#packets
  }

  /** There is more to send, on a connection that stays open. */
  extend(packets: number): void {
    this.#packets += packets
    this.#outstanding.extend(packets)
    this.fill()
  }

  /** Sends what the window allows. */
  fill(): void {
    while (!this.isDone && this.#send(this.#allowance())) {}
  }

  acknowledged(said: Acknowledgement): void {
    const { acked, highest } = this.#outstanding
    if (said.acked < acked || said.acked > highest || this.isDone) return
    this.#roundTrip.sample(said.roundTripPs)
    this.#tell(said)
    const { change, restartsTimer } = this.#outstanding.acknowledge(said.acked, said.arrived)
    if (said.acked > acked) this.#attempts = 0
    if (change === 'lost') this.#congestion.lost(this.#loss())
    if (change === 'recovered') this.#congestion.recovered(this.#outstanding.unacked)
    if (this.isDone) this.#port.setDeadline(undefined)
    else if (restartsTimer) this.#restartTimer()
    this.fill()
  }

  /** RFC 6298, section 5, and RFC 5681, section 3.1: the first packet goes again at once. */
  timedOut(): void {
    if (this.isDone) return
    this.#attempts++
    this.#congestion.timedOut(this.#loss(), this.#attempts)
    this.#roundTrip.backOff()
    this.#outstanding.timedOut()
    this.#restartTimer()
    this.#send(1)
    this.fill()
  }

  /** Packets that may be in the network now. */
  #allowance(): number {
    const { window } = this.#congestion
    const { inFlight } = this.#outstanding
    if (window < 1) return inFlight === 0 && this.#isPaceOver(window) ? 1 : 0
    return inFlight > 0 && this.#port.isNicFull ? 0 : Math.floor(window)
  }

  #isPaceOver(window: number): boolean {
    const duePs = Math.ceil(this.#lastSentPs + this.#roundTrip.smoothedPs / window)
    if (duePs <= this.#port.nowPs) return true
    this.#port.setPace(duePs)
    return false
  }

  /** Whether there was something to send. */
  #send(allowance: number): boolean {
    const { inFlight, highest } = this.#outstanding
    const sequence = this.#outstanding.take(allowance)
    if (sequence === undefined) return false
    if (inFlight === 0) this.#restartTimer()
    this.#lastSentPs = this.#port.nowPs
    this.#port.send(sequence, sequence < highest)
    return true
  }

  #tell({ acked, roundTripPs, isMarked }: Acknowledgement): void {
    const ack = this.#ack
    const outstanding = this.#outstanding
    ack.nowPs = this.#port.nowPs
    ack.packets = acked - outstanding.acked
    ack.acked = acked
    ack.highest = outstanding.highest
    ack.roundTripPs = roundTripPs
    ack.smoothedPs = this.#roundTrip.smoothedPs
    ack.isMarked = isMarked
    ack.isRecovering = outstanding.isRecovering
    ack.isWindowFull = outstanding.inFlight + 1 > this.#congestion.window
    this.#congestion.acked(ack)
  }

  /**
   * Neither what limited transmit added (RFC 3042) nor what recovery let go beyond the window
   * counts as in flight: as much has left the network.
   */
  #loss(): Loss {
    const { window } = this.#congestion
    return {
      nowPs: this.#port.nowPs,
      inFlight: Math.max(1, Math.min(this.#outstanding.unacked, Math.floor(window))),
      smoothedPs: this.#roundTrip.smoothedPs,
    }
  }

  #restartTimer(): void {
    this.#port.setDeadline(this.#port.nowPs + this.#roundTrip.timeoutPs)
  }
}

function emptyAck(): Ack {
  return {
    nowPs: 0,
    packets: 0,
    acked: 0,
    highest: 0,
    roundTripPs: 0,
    smoothedPs: 0,
    isMarked: false,
    isRecovering: false,
    isWindowFull: false,
  }
}

/**
 * The sending end of one flow of a window transport: what is in flight, what is lost, when to send
 * again. Loss recovery is RFC 6582 (NewReno) with limited transmit (RFC 3042) and the time-out of
 * RFC 6298, without selective acknowledgements; how large the window is, others decide. Knows
 * neither packets' fields nor receivers.
 */
import type { Ack, Congestion, Loss } from './congestion.js'
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
  readonly packets: number
  /** Packets that the receiver has room for. */
  readonly receiveWindow: number
  readonly congestion: Congestion
  readonly roundTrip: RoundTrip
}

/** What the receiver says of the flow and of the packet that made it speak. */
export type Acknowledgement = {
  /** All packets before it have arrived. */
  readonly acked: number
  readonly roundTripPs: number
  readonly isMarked: boolean
}

/** So many of the same acknowledgement tell of a loss. */
const DUPLICATES = 3

export class WindowSender {
  readonly #port: SenderPort
  readonly #packets: number
  readonly #receiveWindow: number
  readonly #congestion: Congestion
  readonly #roundTrip: RoundTrip
  readonly #ack = emptyAck()
  /** All before it are acknowledged; the next to send; the first never sent. */
  #acked = 0
  #next = 0
  #highest = 0
  #duplicates = 0
  #isRecovering = false
  /** A loss is mended when all before it is acknowledged: what was sent before it was noticed. */
  #recover = 0
  #hasPartial = false
  /** Packets that left the network while recovering; part of the window in RFC 6582. */
  #inflation = 0
  /** Time-outs since the last progress. */
  #attempts = 0
  #lastSentPs = Number.NEGATIVE_INFINITY

  constructor(port: SenderPort, parts: SenderParts) {
    this.#port = port
    this.#packets = parts.packets
    this.#receiveWindow = parts.receiveWindow
    this.#congestion = parts.congestion
    this.#roundTrip = parts.roundTrip
  }

  get congestion(): Congestion {
    return this.#congestion
  }

  get isDone(): boolean {
    return this.#acked === this.#packets
  }

  get inFlight(): number {
    return this.#next - this.#acked
  }

  /** Sends what the window allows. */
  fill(): void {
    while (this.#next < this.#packets && this.#maySend()) this.#sendNext()
  }

  acknowledged(said: Acknowledgement): void {
    if (said.acked < this.#acked || said.acked > this.#highest || this.isDone) return
    this.#roundTrip.sample(said.roundTripPs)
    this.#tell(said)
    if (said.acked > this.#acked) this.#advance(said.acked)
    else if (this.inFlight > 0) this.#duplicate()
    this.fill()
  }

  /** RFC 6298, section 5, and RFC 5681, section 3.1: all in flight counts as lost. */
  timedOut(): void {
    if (this.isDone) return
    this.#attempts++
    this.#congestion.timedOut(this.#loss(), this.#attempts)
    this.#roundTrip.backOff()
    this.#recover = this.#highest
    this.#isRecovering = false
    this.#inflation = 0
    this.#duplicates = 0
    this.#next = this.#acked
    this.#sendNext()
    this.fill()
  }

  #maySend(): boolean {
    const { window } = this.#congestion
    if (window < 1) return this.inFlight === 0 && this.#isPaceOver(window)
    if (this.inFlight === 0) return true
    const limited = this.#isRecovering ? 0 : Math.min(this.#duplicates, DUPLICATES - 1)
    const most = Math.floor(window) + this.#inflation + limited
    return this.inFlight < Math.min(most, this.#receiveWindow) && !this.#port.isNicFull
  }

  #isPaceOver(window: number): boolean {
    const duePs = Math.ceil(this.#lastSentPs + this.#roundTrip.smoothedPs / window)
    if (duePs <= this.#port.nowPs) return true
    this.#port.setPace(duePs)
    return false
  }

  #sendNext(): void {
    if (this.inFlight === 0) this.#restartTimer()
    this.#lastSentPs = this.#port.nowPs
    this.#port.send(this.#next, this.#next < this.#highest)
    this.#next++
    this.#highest = Math.max(this.#highest, this.#next)
  }

  #tell({ acked, roundTripPs, isMarked }: Acknowledgement): void {
    const ack = this.#ack
    ack.nowPs = this.#port.nowPs
    ack.packets = acked - this.#acked
    ack.acked = acked
    ack.highest = this.#highest
    ack.roundTripPs = roundTripPs
    ack.smoothedPs = this.#roundTrip.smoothedPs
    ack.isMarked = isMarked
    ack.isRecovering = this.#isRecovering
    ack.isWindowFull = this.inFlight + 1 > this.#congestion.window
    this.#congestion.acked(ack)
  }

  #advance(acked: number): void {
    const packets = acked - this.#acked
    this.#acked = acked
    this.#next = Math.max(this.#next, acked)
    this.#duplicates = 0
    this.#attempts = 0
    if (this.isDone) this.#port.setDeadline(undefined)
    else if (!this.#isRecovering) this.#restartTimer()
    else if (acked < this.#recover) this.#partial(packets)
    else this.#recovered()
  }

  /** RFC 6582, section 3.2, step 3: only the first one starts the time-out again. */
  #partial(packets: number): void {
    this.#inflation += 1 - packets
    this.#port.send(this.#acked, true)
    if (!this.#hasPartial) this.#restartTimer()
    this.#hasPartial = true
  }

  #recovered(): void {
    this.#isRecovering = false
    this.#inflation = 0
    this.#congestion.recovered(this.inFlight)
    this.#restartTimer()
  }

  #duplicate(): void {
    this.#duplicates++
    if (this.#isRecovering) this.#inflation++
    else if (this.#duplicates === DUPLICATES && this.#acked >= this.#recover) this.#startRecovery()
  }

  #startRecovery(): void {
    this.#congestion.lost(this.#loss())
    this.#recover = this.#highest
    this.#isRecovering = true
    this.#hasPartial = false
    this.#inflation = DUPLICATES
    this.#port.send(this.#acked, true)
  }

  /**
   * Neither what limited transmit added (RFC 3042) nor what recovery let go beyond the window
   * counts as in flight: as much has left the network.
   */
  #loss(): Loss {
    const { window } = this.#congestion
    return {
      nowPs: this.#port.nowPs,
      inFlight: Math.max(1, Math.min(this.inFlight, Math.floor(window))),
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

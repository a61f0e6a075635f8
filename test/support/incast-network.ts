/**
 * A star network, packet by packet: every domain has a link to a switch, whose port towards the
 * head has a small drop-tail buffer. Deterministic; only as much of Ethernet as an incast needs.
 */

import { EventQueue } from './event-queue.js'

/** Ethernet (14), IP (20) and TCP with time stamps (32), checksum, preamble and gap (24). */
export const OVERHEAD_BYTES = 90
export const SEGMENT_BYTES = 1448

/** One direction of a cable with the buffer before it. */
class Port {
  readonly #events: EventQueue
  readonly #options: { nsPerByte: number; bufferBytes: number; delayNs: number }
  #freeNs = 0
  #queued = 0
  dropped = 0
  peakBytes = 0

  constructor(
    events: EventQueue,
    options: { nsPerByte: number; bufferBytes: number; delayNs: number },
  ) {
    this.#events = events
    this.#options = options
  }

  /** A packet waits for its turn on the cable, or is dropped when the buffer is full. */
  send(payloadBytes: number, deliver: () => void): void {
    const { nsPerByte, bufferBytes, delayNs } = this.#options
    const bytes = payloadBytes + OVERHEAD_BYTES
    if (this.#queued + bytes > bufferBytes) {
      this.dropped++
      return
    }
    this.#queued += bytes
    this.peakBytes = Math.max(this.peakBytes, this.#queued)
    const doneNs = Math.max(this.#freeNs, this.#events.nowNs) + bytes * nsPerByte
    this.#freeNs = doneNs
    this.#events.after(doneNs - this.#events.nowNs, () => {
      this.#queued -= bytes
    })
    this.#events.after(doneNs - this.#events.nowNs + delayNs, deliver)
  }
}

export type NetworkOptions = {
  readonly domains: number
  /** 8 at 1 Gbit/s. */
  readonly nsPerByte: number
  readonly bufferBytes: number
  /** From end to end, one way. */
  readonly propagationUs: number
  /** From the arrival of a packet to what a process does about it. */
  readonly hostUs: number
}

export class IncastNetwork {
  readonly events = new EventQueue()
  readonly #options: NetworkOptions
  readonly #uplinks: Port[]
  readonly #bottleneck: Port
  readonly #downlink: Port
  bytesToHead = 0

  constructor(options: NetworkOptions) {
    const { domains, nsPerByte, bufferBytes, propagationUs } = options
    this.#options = options
    const delayNs = propagationUs * 500
    const unbounded = { nsPerByte, bufferBytes: Number.MAX_SAFE_INTEGER, delayNs }
    this.#uplinks = Array.from({ length: domains }, () => new Port(this.events, unbounded))
    this.#bottleneck = new Port(this.events, { nsPerByte, bufferBytes, delayNs })
    this.#downlink = new Port(this.events, unbounded)
  }

  get nowUs(): number {
    return Math.floor(this.events.nowNs / 1000)
  }

  get dropped(): number {
    return this.#bottleneck.dropped
  }

  get peakQueueBytes(): number {
    return this.#bottleneck.peakBytes
  }

  toHead(domain: number, payloadBytes: number, receive: () => void): void {
    this.#uplinks[domain]?.send(payloadBytes, () => {
      this.#bottleneck.send(payloadBytes, () => {
        this.bytesToHead += payloadBytes
        this.events.after(this.#options.hostUs * 1000, receive)
      })
    })
  }

  /** The head's cable to the switch; the cables from there on are never contended. */
  toDomain(payloadBytes: number, receive: () => void): void {
    this.#downlink.send(payloadBytes, () => {
      this.events.after(this.#farNs(payloadBytes), receive)
    })
  }

  #farNs(payloadBytes: number): number {
    const { nsPerByte, propagationUs, hostUs } = this.#options
    return (payloadBytes + OVERHEAD_BYTES) * nsPerByte + propagationUs * 500 + hostUs * 1000
  }
}

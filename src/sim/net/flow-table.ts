/**
 * The flows of a simulation, as one typed array per field: who sends how much to whom, and what
 * became of it. A flow is its index. Knows nothing of transports.
 */
import { assert } from '../../base/assert.js'
import { SputnikError } from '../../base/errors.js'
import { grownFloat64, grownInt32, grownUint8 } from './columns.js'

const FIRST_CAPACITY = 256
const FLOWS_MAX = 1 << 22

export type FlowRequest = {
  /** Hosts. */
  readonly source: number
  readonly destination: number
  /** Payload. */
  readonly bytes: number
  readonly startPs: number
  /** Whether its destination asked for it. */
  readonly isAnswer?: boolean
}

export class FlowTable {
  #count = 0
  #finished = 0
  source = new Int32Array(FIRST_CAPACITY)
  destination = new Int32Array(FIRST_CAPACITY)
  bytes = new Float64Array(FIRST_CAPACITY)
  startPs = new Float64Array(FIRST_CAPACITY)
  /** 1 of a flow that its destination asked for. */
  isAnswer = new Uint8Array(FIRST_CAPACITY)
  /** When its last byte was delivered; NaN before. */
  finishedPs = new Float64Array(FIRST_CAPACITY).fill(Number.NaN)
  /** Payload that the receiver has, every byte counted once. */
  deliveredBytes = new Float64Array(FIRST_CAPACITY)
  retransmits = new Int32Array(FIRST_CAPACITY)
  timeouts = new Int32Array(FIRST_CAPACITY)

  get count(): number {
    return this.#count
  }

  get finishedCount(): number {
    return this.#finished
  }

  /** @throws SputnikError SIM_TOO_LARGE */
  add({ source, destination, bytes, startPs, isAnswer = false }: FlowRequest): number {
    assert(source !== destination, 'a flow leaves its host')
    assert(Number.isSafeInteger(bytes) && bytes > 0, 'a flow has a whole number of bytes')
    if (this.#count === this.source.length) this.#grow()
    const flow = this.#count++
    this.source[flow] = source
    this.destination[flow] = destination
    this.bytes[flow] = bytes
    this.startPs[flow] = startPs
    this.isAnswer[flow] = Number(isAnswer)
    return flow
  }

  /** Whether that was the rest of the flow. */
  deliver(flow: number, payload: number, nowPs: number): boolean {
    const delivered = (this.deliveredBytes[flow] ?? 0) + payload
    const bytes = this.bytes[flow] ?? 0
    assert(
      payload > 0 && delivered <= bytes,
      `flow ${flow} delivers ${delivered} of ${bytes} bytes`,
    )
    this.deliveredBytes[flow] = delivered
    if (delivered < bytes) return false
    this.finishedPs[flow] = nowPs
    this.#finished++
    return true
  }

  #grow(): void {
    const length = this.source.length * 2
    if (length > FLOWS_MAX) throw new SputnikError('SIM_TOO_LARGE', `over ${FLOWS_MAX} flows`)
    this.source = grownInt32(this.source, length)
    this.destination = grownInt32(this.destination, length)
    this.bytes = grownFloat64(this.bytes, length)
    this.startPs = grownFloat64(this.startPs, length)
    this.isAnswer = grownUint8(this.isAnswer, length)
    this.finishedPs = grownFloat64(this.finishedPs, length, Number.NaN)
    this.deliveredBytes = grownFloat64(this.deliveredBytes, length)
    this.retransmits = grownInt32(this.retransmits, length)
    this.timeouts = grownInt32(this.timeouts, length)
  }
}

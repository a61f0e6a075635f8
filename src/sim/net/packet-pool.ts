/**
 * The packets that are alive, as one typed array per field (columns), so that none is an object to
 * allocate or collect. A packet is its index; freed ones are chained through `next` and used again
 * first, so memory grows with the most that ever were alive. Knows nothing of what fields mean.
 */
import { assert } from '../../base/assert.js'
import { SputnikError } from '../../base/errors.js'
import { grownFloat64, grownInt32, grownUint8 } from './columns.js'

const FIRST_CAPACITY = 1024

/** No packet. */
export const NONE = -1

export class PacketPool {
  readonly #most: number
  #free = NONE
  #used = 0
  #live = 0
  #peak = 0

  flow: Int32Array
  kind: Uint8Array
  /** See `FLAG`. */
  flags: Uint8Array
  /** On the wire, header included. */
  bytes: Int32Array
  payload: Int32Array
  /** What the transport counts by: packets or bytes of the flow. */
  sequence: Int32Array
  /** What an acknowledgement or credit says, in the transport's own units. */
  value: Float64Array
  /** When it was handed to the NIC; set by the network. */
  sentPs: Float64Array
  /** For the transport: the `sentPs` of what is acknowledged. */
  echoPs: Float64Array
  /** Which of the equal paths it takes; set by the network unless the transport does. */
  path: Int32Array
  /** Where it goes: a host; set by the network. */
  destination: Int32Array
  /** The port it waits for or left through; of the network. */
  port: Int32Array
  /** The port through which it came into the switch it waits in; of the network. */
  ingress: Int32Array
  /** The packet behind it in a queue; of the network. */
  next: Int32Array
  /** The packet before it in a queue, unless it is the first; of the network. */
  previous: Int32Array

  constructor(most: number) {
    this.#most = most
    const capacity = Math.min(most, FIRST_CAPACITY)
    this.flow = new Int32Array(capacity)
    this.kind = new Uint8Array(capacity)
    this.flags = new Uint8Array(capacity)
    this.bytes = new Int32Array(capacity)
    this.payload = new Int32Array(capacity)
    this.sequence = new Int32Array(capacity)
    this.value = new Float64Array(capacity)
    this.sentPs = new Float64Array(capacity)
    this.echoPs = new Float64Array(capacity)
    this.path = new Int32Array(capacity)
    this.destination = new Int32Array(capacity)
    this.port = new Int32Array(capacity)
    this.ingress = new Int32Array(capacity)
    this.next = new Int32Array(capacity)
    this.previous = new Int32Array(capacity)
  }

  get live(): number {
    return this.#live
  }

  /** Most that were alive at once. */
  get peak(): number {
    return this.#peak
  }

  get capacity(): number {
    return this.flow.length
  }

  /** Whether it has this one of the flags. */
  has(packet: number, flag: number): boolean {
    return ((this.flags[packet] ?? 0) & flag) !== 0
  }

  /**
   * A packet with `sequence`, `value`, `echoPs` zero and no path chosen; other fields are as the
   * last user left them.
   * @throws SputnikError SIM_TOO_LARGE
   */
  allocate(): number {
    let packet = this.#free
    if (packet !== NONE) this.#free = this.next[packet] ?? NONE
    else packet = this.#extend()
    this.#live++
    if (this.#live > this.#peak) this.#peak = this.#live
    this.sequence[packet] = 0
    this.value[packet] = 0
    this.echoPs[packet] = 0
    this.path[packet] = NONE
    this.ingress[packet] = NONE
    this.next[packet] = NONE
    return packet
  }

  free(packet: number): void {
    this.next[packet] = this.#free
    this.#free = packet
    this.#live--
  }

  #extend(): number {
    if (this.#used === this.capacity) this.#grow()
    return this.#used++
  }

  #grow(): void {
    if (this.capacity >= this.#most) {
      throw new SputnikError('SIM_TOO_LARGE', `${this.#most} packets are in the network at once`)
    }
    const capacity = Math.min(this.#most, this.capacity * 2)
    assert(capacity > this.capacity, 'a pool must grow')
    this.flow = grownInt32(this.flow, capacity)
    this.kind = grownUint8(this.kind, capacity)
    this.flags = grownUint8(this.flags, capacity)
    this.bytes = grownInt32(this.bytes, capacity)
    this.payload = grownInt32(this.payload, capacity)
    this.sequence = grownInt32(this.sequence, capacity)
    this.value = grownFloat64(this.value, capacity)
    this.sentPs = grownFloat64(this.sentPs, capacity)
    this.echoPs = grownFloat64(this.echoPs, capacity)
    this.path = grownInt32(this.path, capacity)
    this.destination = grownInt32(this.destination, capacity)
    this.port = grownInt32(this.port, capacity)
    this.ingress = grownInt32(this.ingress, capacity)
    this.next = grownInt32(this.next, capacity)
    this.previous = grownInt32(this.previous, capacity)
  }
}

/**
 * The queue of a host's own port, as Linux has it by default: flows take turns by bytes, and one
 * that had nothing waiting goes before those that have. So an acknowledgement or a grant need not
 * wait behind what the host sends to others. Knows nothing of time and limits.
 *
 * FQ-CoDel (RFC 8290, section 4.1 and 4.2) without its hash, which could put two flows together,
 * and without CoDel: a host does not drop its own packets here.
 */
import { assert } from '../../base/assert.js'
import { NONE, type PacketPool } from './packet-pool.js'

/** Bytes of a turn: a full packet of Ethernet (RFC 8290, section 5.2.3). */
const QUANTUM_BYTES = 1514

type Flow = { head: number; tail: number; credit: number }

export class FairQueue {
  readonly #packets: PacketPool
  /** By flow: those that are in one of the lists. */
  readonly #flows = new Map<number, Flow>()
  /** Of flows, in the order of their turns: with nothing waiting before, and all others. */
  readonly #fresh: number[] = []
  readonly #old: number[] = []
  #count = 0

  constructor(packets: PacketPool) {
    this.#packets = packets
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  append(packet: number): void {
    const { next } = this.#packets
    next[packet] = NONE
    this.#count++
    const id = this.#packets.flow[packet] ?? 0
    const flow = this.#flows.get(id)
    if (flow === undefined) {
      this.#flows.set(id, { head: packet, tail: packet, credit: QUANTUM_BYTES })
      this.#fresh.push(id)
      return
    }
    if (flow.head === NONE) flow.head = packet
    else next[flow.tail] = packet
    flow.tail = packet
  }

  /** The packet whose turn it is, which there must be. */
  take(): number {
    for (;;) {
      const list = this.#fresh.length > 0 ? this.#fresh : this.#old
      const [id] = list
      const flow = id === undefined ? undefined : this.#flows.get(id)
      assert(id !== undefined && flow !== undefined, 'a packet waits')
      if (flow.credit <= 0) {
        flow.credit += QUANTUM_BYTES
        this.#moveOn(list, id)
      } else if (flow.head !== NONE) return this.#shift(flow)
      // A flow that was fresh stays for a turn, or it would be so again with its next packet.
      else if (list === this.#fresh && this.#old.length > 0) this.#moveOn(list, id)
      else {
        list.shift()
        this.#flows.delete(id)
      }
    }
  }

  /** In no order that matters. */
  waiting(): number[] {
    const found: number[] = []
    for (const { head } of this.#flows.values()) {
      for (let packet = head; packet !== NONE; packet = this.#packets.next[packet] ?? NONE) {
        found.push(packet)
      }
    }
    return found
  }

  #moveOn(list: number[], id: number): void {
    list.shift()
    this.#old.push(id)
  }

  #shift(flow: Flow): number {
    const packet = flow.head
    flow.head = this.#packets.next[packet] ?? NONE
    flow.credit -= this.#packets.bytes[packet] ?? 0
    this.#count--
    return packet
  }
}

/**
 * Priority flow control: counts by link what of it waits in the switch at its end, and has that
 * link's sender stopped and let go again. A pause frame waits for the packet that is being sent on
 * the way back and goes before all others there.
 */
import { EVENT, type Events } from './events.js'
import type { Ports } from './ports.js'
import { PAUSE_BYTES, type PauseThresholds } from './switch-options.js'
import type { Transmitters } from './transmitters.js'

export type PauseParts = {
  readonly events: Events
  readonly ports: Ports
  readonly transmitters: Transmitters
}

export class PauseControl {
  readonly #events: Events
  readonly #ports: Ports
  readonly #transmitters: Transmitters
  readonly #thresholds: PauseThresholds
  /** By port that leads to the switch. */
  readonly heldBytes: Int32Array
  readonly #isStopped: Uint8Array
  #pauses = 0

  constructor(thresholds: PauseThresholds, { events, ports, transmitters }: PauseParts) {
    this.#events = events
    this.#ports = ports
    this.#transmitters = transmitters
    this.#thresholds = thresholds
    this.heldBytes = new Int32Array(ports.count)
    this.#isStopped = new Uint8Array(ports.count)
  }

  get pauses(): number {
    return this.#pauses
  }

  /** Bytes that came through `ingress` now wait. */
  hold(ingress: number, bytes: number): void {
    const held = (this.heldBytes[ingress] ?? 0) + bytes
    this.heldBytes[ingress] = held
    if (held <= this.#thresholds.xoffBytes || this.#isStopped[ingress] === 1) return
    this.#isStopped[ingress] = 1
    this.#pauses++
    this.#tell(ingress, EVENT.pause)
  }

  /** They wait no more. */
  release(ingress: number, bytes: number): void {
    const held = (this.heldBytes[ingress] ?? 0) - bytes
    this.heldBytes[ingress] = held
    if (held > this.#thresholds.xonBytes || this.#isStopped[ingress] === 0) return
    this.#isStopped[ingress] = 0
    this.#tell(ingress, EVENT.resume)
  }

  #tell(ingress: number, kind: number): void {
    const back = ingress ^ 1
    const leftPs = this.#transmitters.occupy(back, PAUSE_BYTES)
    this.#events.at(leftPs + (this.#ports.delayPs[back] ?? 0), kind, ingress)
  }
}

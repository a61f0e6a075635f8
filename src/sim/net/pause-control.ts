/**
 * Priority flow control: counts by link what of it waits in the switch at its end, and has that
 * link's sender stopped and let go again. A pause frame waits for the packet that is being sent on
 * the way back, but takes no room there: it is one in thousands.
 */
import { EVENT, type Events } from './events.js'
import type { Ports } from './ports.js'
import { PAUSE_BYTES, type PauseThresholds } from './switch-options.js'

export class PauseControl {
  readonly #events: Events
  readonly #ports: Ports
  readonly #thresholds: PauseThresholds
  /** By port that leads to the switch. */
  readonly heldBytes: Int32Array
  readonly #isStopped: Uint8Array
  #pauses = 0

  constructor(thresholds: PauseThresholds, { events, ports }: { events: Events; ports: Ports }) {
    this.#events = events
    this.#ports = ports
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
    const fromPs = Math.max(this.#events.nowPs, this.#ports.freePs[back] ?? 0)
    const takesPs =
      this.#ports.serialisationPs(back, PAUSE_BYTES) + (this.#ports.delayPs[back] ?? 0)
    this.#events.at(fromPs + takesPs, kind, ingress)
  }
}

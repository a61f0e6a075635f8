/**
 * Swift: Kumar and others, "Swift: Delay is Simple and Effective for Congestion Control in the
 * Datacenter", SIGCOMM 2020, algorithm 1 and section 3.1. Hosts here take no time of their own, so
 * there is only the fabric's delay and one window. The paper's term per hop stands for the round
 * trip of an idle path, which is known here.
 */
import type { Ack, Congestion, Loss } from './congestion.js'

export type SwiftOptions = {
  /** Round trip of the idle path. */
  readonly idlePs: number
  /** Delay in queues that a flow with a large window aims for. */
  readonly queuePs: number
  readonly initialWindow: number
}

/** Packets added per round trip below the target. */
const AI = 1
const BETA = 0.8
const MAX_MDF = 0.5
const LEAST_WINDOW = 0.001
const MOST_WINDOW = 65_536
const RETX_RESET_THRESHOLD = 5
/**
 * Flow scaling: the target rises, by up to so many times `queuePs`, as the window falls from the
 * larger to the smaller of these, because the queue of N flows grows with the root of N.
 */
const FS_RANGE = 5
const FS_LEAST = 0.1
const FS_MOST = 100
const FS_ALPHA = FS_RANGE / (1 / Math.sqrt(FS_LEAST) - 1 / Math.sqrt(FS_MOST))
const FS_BETA = -FS_ALPHA / Math.sqrt(FS_MOST)

export class Swift implements Congestion {
  readonly #options: SwiftOptions
  #window: number
  #decreasedPs = Number.NEGATIVE_INFINITY

  constructor(options: SwiftOptions) {
    this.#options = options
    this.#window = options.initialWindow
  }

  get window(): number {
    return this.#window
  }

  /** Round trip aimed for with the present window. */
  get targetPs(): number {
    const { idlePs, queuePs } = this.#options
    const scaling = FS_ALPHA / Math.sqrt(this.#window) + FS_BETA
    return idlePs + queuePs * (1 + Math.min(FS_RANGE, Math.max(0, scaling)))
  }

  acked(ack: Ack): void {
    const excess = ack.roundTripPs - this.targetPs
    if (excess >= 0) this.#decrease(ack, Math.min(MAX_MDF, (BETA * excess) / ack.roundTripPs))
    else if (ack.packets > 0 && ack.isWindowFull) {
      const added = AI * ack.packets
      this.#set(this.#window + (this.#window >= 1 ? added / this.#window : added))
    }
  }

  lost(loss: Loss): void {
    this.#decrease(loss, MAX_MDF)
  }

  recovered(): void {}

  timedOut(loss: Loss, attempt: number): void {
    if (attempt >= RETX_RESET_THRESHOLD) this.#set(LEAST_WINDOW)
    else this.#decrease(loss, MAX_MDF)
  }

  /** Once a round trip at most: what was just decreased has not been felt before. */
  #decrease({ nowPs, smoothedPs }: { nowPs: number; smoothedPs: number }, share: number): void {
    if (nowPs - this.#decreasedPs < smoothedPs) return
    this.#decreasedPs = nowPs
    this.#set(this.#window * (1 - share))
  }

  #set(window: number): void {
    this.#window = Math.min(MOST_WINDOW, Math.max(LEAST_WINDOW, window))
  }
}

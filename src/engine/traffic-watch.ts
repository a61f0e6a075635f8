/**
 * Lets a thread look now and then whether the traffic of late asks for another placement, and tells
 * the fleet. Knows nothing of how placements are made.
 */
import { Worker } from 'node:worker_threads'
import type { Logger } from '../base/log.js'
import type { Fleet } from '../fleet/fleet.js'
import type { TrafficAnswer } from '../pages/better-placement.js'

export type TrafficWatchOptions = {
  readonly fleet: Fleet
  readonly log: Logger
}

const LOOK_MS = 60_000
/** Tokens of all regions together since the last look: fewer tell nothing new. */
const TOKENS_MIN = 16_384

export class TrafficWatch {
  readonly #options: TrafficWatchOptions
  readonly #timer: NodeJS.Timeout
  #worker: Worker | undefined
  #tokens = 0
  /** Epoch of the question that is being thought about. */
  #asked: number | undefined

  constructor(options: TrafficWatchOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
    void this.#worker?.terminate()
  }

  /** False when there is nothing to think about now. */
  look(): boolean {
    const { fleet } = this.#options
    const { tokens } = fleet.usage
    if (this.#asked !== undefined || tokens - this.#tokens < TOKENS_MIN) return false
    const request = fleet.traffic()
    if (request === undefined) return false
    this.#tokens = tokens
    this.#asked = fleet.directory.epoch
    this.#thread().postMessage(request)
    return true
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(new URL('./traffic-main.js', import.meta.url))
    worker.on('message', (message) => this.#receive(message))
    worker.on('error', (error) => this.#forget(error.message))
    worker.unref()
    this.#worker = worker
    return worker
  }

  #receive({ answer, error }: { answer?: TrafficAnswer; error?: { message: string } }): void {
    const { fleet, log } = this.#options
    const asked = this.#asked
    this.#asked = undefined
    if (error !== undefined) log.debug('no better placement', { reason: error.message })
    if (answer?.wanted === undefined || asked !== fleet.directory.epoch) return
    const { copies, slowestUs } = answer
    log.info('the traffic asks for another placement', {
      copies: `${copies.before.toFixed(2)} to ${copies.after.toFixed(2)}`,
      slowest: `${slowestUs.before.toFixed(0)} to ${slowestUs.after.toFixed(0)} us`,
    })
    fleet.relocate(answer.wanted)
  }

  #forget(reason: string): void {
    this.#options.log.warn('the thread for placements has ended', { reason })
    this.#worker = undefined
    this.#asked = undefined
  }
}

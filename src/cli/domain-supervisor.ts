/**
 * Keeps a domain running: starts its process, and again when it ended, later each time. Ends with
 * a failure that would only repeat itself. Knows nothing of what a domain does.
 */
import type { DomainConfig, DomainEvent } from '../domain/protocol.js'
import { Rejoin } from '../domain/rejoin.js'
import { type DomainEnd, type DomainProcess, startDomain } from './domain-process.js'

export type DomainSupervisorOptions = {
  readonly script: string
  readonly config: DomainConfig
  readonly onEvent: (event: DomainEvent) => void
  /** The process ended and is started again after `delayMs`. */
  readonly onRestart: (end: DomainEnd, delayMs: number) => void
}

export class DomainSupervisor {
  readonly #options: DomainSupervisorOptions
  #process: DomainProcess | undefined
  readonly #rejoin = new Rejoin()
  #isStopping = false
  #wake: (() => void) | undefined

  constructor(options: DomainSupervisorOptions) {
    this.#options = options
  }

  /** Resolves after `stop`. @throws SputnikError the final failure of the domain */
  async run(): Promise<void> {
    while (!this.#isStopping) {
      const end = await this.#liveOnce()
      if (this.#isStopping) return
      if (end.failure?.isFinal === true) throw end.failure.error
      await this.#pause(end)
    }
  }

  /** Ends the domain in good order. */
  stop(): void {
    this.#isStopping = true
    this.#process?.stop()
    this.#wake?.()
  }

  /** Ends it without waiting for anything. */
  kill(): void {
    this.#process?.kill()
  }

  async #liveOnce(): Promise<DomainEnd> {
    const { script, config } = this.#options
    this.#process = startDomain({ script, config, onEvent: (event) => this.#receive(event) })
    const end = await this.#process.ended
    this.#process = undefined
    return end
  }

  #receive(event: DomainEvent): void {
    const isReady = event.kind === 'state' && event.state === 'ready'
    if (isReady) this.#rejoin.ready(performance.now())
    this.#options.onEvent(event)
  }

  #pause(end: DomainEnd): Promise<void> {
    const delayMs = this.#rejoin.ended(end.failure?.error, performance.now())
    this.#options.onRestart(end, delayMs)
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

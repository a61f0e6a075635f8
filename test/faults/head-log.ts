/** What a head reports, as part of what happens in a simulation. */
import type { LogFields, Logger } from '../../src/base/log.js'
import { type FleetChangeAbout, type FleetChangeKind, FleetLog } from '../../src/fleet/fleet-log.js'
import type { Sim } from './sim.js'

/** What people are told. */
export class TracedNews extends FleetLog {
  readonly #sim: Sim
  readonly #onLost: (domain: number, reason: string) => void

  constructor(sim: Sim, onLost: (domain: number, reason: string) => void) {
    super(() => sim.nowMs)
    this.#sim = sim
    this.#onLost = onLost
  }

  override note(kind: FleetChangeKind, about: FleetChangeAbout = {}): void {
    const { domain, text = '' } = about
    this.#sim.counts.add(`news ${kind}`)
    this.#sim.note(`news: ${kind} ${text}`, domain?.id ?? -1)
    if (kind === 'lost') this.#onLost(domain?.id ?? -1, text)
    super.note(kind, about)
  }
}

export function logInto(sim: Sim): Logger {
  const note = (message: string, { reason = '' }: LogFields = {}): void => {
    sim.note(reason === '' ? message : `${message}: ${reason}`)
  }
  const child = (): Logger => log
  const log: Logger = { level: 'warn', error: note, warn: note, info: note, debug: note, child }
  return log
}

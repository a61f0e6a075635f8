/** The last things that happened in the fleet, for people who watch it. */

export type FleetEventKind =
  | 'joined'
  | 'back'
  | 'ready'
  | 'suspect'
  | 'lost'
  | 'kept out'
  | 'draining'
  | 'drained'
  | 'evicted'
  | 'pardoned'
  | 'moved'
  | 'pages lost'
  | 'pages recovered'

export type FleetEvent = {
  /** Counts all events, so that a watcher sees if it missed any. */
  readonly seq: number
  /** Milliseconds of the fleet's own clock. */
  readonly atMs: number
  readonly kind: FleetEventKind
  readonly domain: number | null
  readonly name: string
  readonly text: string
}

const KEPT = 64

export class FleetLog {
  readonly #events: FleetEvent[] = []
  #seq = 0

  add(event: Omit<FleetEvent, 'seq'>): void {
    this.#events.push({ ...event, seq: ++this.#seq })
    if (this.#events.length > KEPT) this.#events.shift()
  }

  get events(): readonly FleetEvent[] {
    return this.#events
  }
}

/**
 * Looks at the fleet for all who watch it: one poller however many they are, none while there are
 * none. Knows nothing of HTTP.
 */
import { SputnikError } from '../base/errors.js'
import type { FleetChange, FleetView } from '../engine/protocol.js'
import { FLEET_POLL_MS, FLEET_WATCHERS_MAX } from './limits.js'

export type FleetUpdate = {
  readonly view: FleetView
  /** Since the look before; what changed has changed within it. 0 for the first look. */
  readonly intervalMs: number
  /** What happened since the look before. */
  readonly changes: readonly FleetChange[]
}

export type FleetWatcher = {
  readonly changed: (update: FleetUpdate) => void
  /** Nothing comes after it. */
  readonly ended: () => void
}

export type FleetFeedOptions = {
  /** Null when there is no fleet. */
  readonly read: () => Promise<FleetView | null>
  readonly pollMs?: number
  readonly watchersMax?: number
}

type Look = FleetUpdate & { readonly atMs: number; readonly text: string }

export class FleetFeed {
  readonly #read: () => Promise<FleetView | null>
  readonly #pollMs: number
  readonly #watchersMax: number
  readonly #watchers = new Set<FleetWatcher>()
  #last: Look | undefined
  #looking: Promise<Look> | undefined
  #timer: NodeJS.Timeout | undefined
  #isScheduled = false
  #isClosed = false

  constructor({ read, pollMs, watchersMax }: FleetFeedOptions) {
    this.#read = read
    this.#pollMs = pollMs ?? FLEET_POLL_MS
    this.#watchersMax = watchersMax ?? FLEET_WATCHERS_MAX
  }

  /** How many watch. */
  get watchers(): number {
    return this.#watchers.size
  }

  /**
   * Tells the fleet as it is and then every change, until the returned function is called.
   * @throws SputnikError FLEET_OFF, FLEET_WATCHERS_FULL, SHUTTING_DOWN, or why no engine answers
   */
  async watch(watcher: FleetWatcher): Promise<() => void> {
    this.#assertRoom()
    const look = await this.#recentLook()
    // While it waited, others may have come.
    this.#assertRoom()
    this.#watchers.add(watcher)
    watcher.changed({ view: look.view, intervalMs: 0, changes: [] })
    this.#schedule()
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  /** Ends every watcher and takes no other. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const watcher of watchers) watcher.ended()
  }

  #assertRoom(): void {
    if (this.#isClosed) throw new SputnikError('SHUTTING_DOWN', 'the server is shutting down')
    if (this.#watchers.size < this.#watchersMax) return
    const text = `${this.#watchersMax} clients watch the fleet already`
    throw new SputnikError('FLEET_WATCHERS_FULL', text)
  }

  #recentLook(): Promise<Look> {
    const last = this.#last
    const isRecent = last !== undefined && performance.now() - last.atMs < this.#pollMs
    return isRecent ? Promise.resolve(last) : this.#look()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed || this.#watchers.size === 0) return
    this.#isScheduled = true
    const again = (): void => {
      this.#isScheduled = false
      this.#schedule()
    }
    // An engine that is started again answers later; until then there is nothing to tell.
    const poll = (): void => {
      if (this.#watchers.size === 0) again()
      else this.#look().then(again, again)
    }
    this.#timer = setTimeout(poll, this.#pollMs)
  }

  #look(): Promise<Look> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookNow(): Promise<Look> {
    const view = requireFleet(await this.#read())
    const before = this.#last
    const atMs = performance.now()
    const intervalMs = before === undefined ? 0 : atMs - before.atMs
    const changes = changesSince(before?.view, view)
    const look = { view, intervalMs, changes, atMs, text: JSON.stringify(view) }
    this.#last = look
    if (look.text !== before?.text) this.#tell({ view, intervalMs, changes })
    return look
  }

  #tell(update: FleetUpdate): void {
    for (const watcher of [...this.#watchers]) watcher.changed(update)
  }
}

/** An engine that was started again numbers from the beginning. */
function changesSince(before: FleetView | undefined, { events }: FleetView): FleetChange[] {
  if (before === undefined) return []
  const seen = new Set(before.events.map(({ seq, atMs }) => `${seq} ${atMs}`))
  return events.filter(({ seq, atMs }) => !seen.has(`${seq} ${atMs}`))
}

/** @throws SputnikError FLEET_OFF */
export function requireFleet(fleet: FleetView | null): FleetView {
  if (fleet !== null) return fleet
  throw new SputnikError('FLEET_OFF', 'this head listens for no domains')
}

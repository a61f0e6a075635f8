/**
 * Waits until a draining node holds nothing, telling how far it is. Knows nothing of how pages
 * move.
 */
import { SputnikError } from '../base/errors.js'
import { fetchFleet } from './fleet-client.js'
import type { FleetServer } from './fleet-refusal.js'
import type { Domain } from './fleet-schema.js'
import { formatDuration, formatShare, MoveProgress } from './move-progress.js'
import { printable } from './printable.js'

const LOOK_MS = 500
/** How long a server may be away before the wait ends. */
const AWAY_MS = 60_000
/** Without a terminal a line this often. */
const PLAIN_LINE_MS = 10_000
const CLEAR = '\r\u001b[K'
const DRAINING = 'draining'

export type DrainWait = {
  readonly server: FleetServer
  /** As it was when it was told to drain. */
  readonly domain: Domain
  /** Gives up after so long without a page that left. */
  readonly stallMs: number
  readonly signal: AbortSignal
}

/**
 * False when `signal` ended the wait.
 * @throws SputnikError DRAIN_STALLED, DRAIN_ENDED and the SERVER_ ones
 */
export async function waitForDrain(wait: DrainWait): Promise<boolean> {
  const { server, signal, domain } = wait
  const report = createReport()
  const watch = new DrainWatch(wait)
  try {
    for (;;) {
      const { domains } = await fetchPatiently(server, signal)
      const now = domains.find(({ id, nodeId }) => id === domain.id && nodeId === domain.nodeId)
      if (watch.isOver(now)) break
      report.show(watch)
      await pause(LOOK_MS, signal)
    }
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  } finally {
    report.end()
  }
}

/** What the looks so far tell. */
class DrainWatch {
  readonly #wait: DrainWait
  readonly #progress = new MoveProgress()
  #leastMs = 0
  #least = Number.POSITIVE_INFINITY

  constructor(wait: DrainWait) {
    this.#wait = wait
  }

  /** Throws when it will not be. */
  isOver(domain: Domain | undefined): boolean {
    const { stallMs } = this.#wait
    const name = this.#name
    if (domain === undefined) throw new SputnikError('DRAIN_ENDED', `${name} is gone`)
    const { pages, state } = domain
    if (pages === 0) return true
    if (state !== DRAINING) {
      throw new SputnikError(
        'DRAIN_ENDED',
        `${name} is ${printable(state)} and holds ${pages} pages`,
      )
    }
    const now = performance.now()
    this.#progress.note(pages, now)
    if (pages < this.#least) {
      this.#least = pages
      this.#leastMs = now
    }
    if (now - this.#leastMs < stallMs) return false
    const text = `${name} still holds ${pages} pages, and none left it for ${formatDuration(stallMs)}`
    throw new SputnikError('DRAIN_STALLED', text)
  }

  get #name(): string {
    return printable(this.#wait.domain.name)
  }

  get text(): string {
    const { share, leftMs } = this.#progress
    const rest = leftMs === undefined ? '' : `, about ${formatDuration(leftMs)} left`
    return `draining ${this.#name}: ${this.#least} pages left, ${formatShare(share)}${rest}`
  }
}

type Report = { readonly show: (watch: DrainWatch) => void; readonly end: () => void }

/** In place on a terminal, now and then a line elsewhere. */
function createReport(stream: NodeJS.WriteStream = process.stderr): Report {
  if (stream.isTTY === true) {
    return {
      show: ({ text }) => stream.write(`${CLEAR}${text}`),
      end: () => stream.write(CLEAR),
    }
  }
  let writtenMs = Number.NEGATIVE_INFINITY
  return {
    show: ({ text }) => {
      if (performance.now() - writtenMs < PLAIN_LINE_MS) return
      writtenMs = performance.now()
      stream.write(`${text}\n`)
    },
    end: () => {},
  }
}

/** A head in a long step, or one that is started again, answers later. */
async function fetchPatiently(server: FleetServer, signal: AbortSignal) {
  const endMs = performance.now() + AWAY_MS
  for (;;) {
    try {
      return await fetchFleet(server, signal)
    } catch (error) {
      const isAway = error instanceof SputnikError && AWAY.has(error.code)
      if (!isAway || signal.aborted || performance.now() > endMs) throw error
      await pause(LOOK_MS, signal)
    }
  }
}

const AWAY = new Set(['NOT_READY', 'SERVER_UNREACHABLE'])

/** Ends early when `signal` does. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}

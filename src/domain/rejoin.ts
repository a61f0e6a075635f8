/**
 * When a head that was lost is joined again: later each time, but no later than it has said. Pure;
 * knows nothing of processes.
 */
import type { SputnikError } from '../base/errors.js'
import { decideRestart, type RestartLimits, type RestartState } from '../base/restart-policy.js'

/**
 * It never gives up: a head may be away for a night. A try takes half a second of one core, so that
 * more of them than these would be felt.
 */
const LIMITS: RestartLimits = {
  firstDelayMs: 1_000,
  delayMsMax: 10_000,
  quickLifeMs: 30_000,
  quickLivesMax: Number.POSITIVE_INFINITY,
}

/** A head that reads its model lets nodes in as soon as it has. */
const NOT_READY_MS = 2_000

/** All the lives of a domain with one head. Times are monotonic milliseconds. */
export class Rejoin {
  #restart: RestartState = { quickLives: 0 }
  #readyMs: number | undefined

  /** The head may ask from now on. */
  ready(now: number): void {
    this.#readyMs ??= now
  }

  /** A life has ended, and why if that is known. How long to wait before the next. */
  ended(error: SputnikError | undefined, now: number): number {
    const lifeMs = this.#readyMs === undefined ? 0 : now - this.#readyMs
    this.#readyMs = undefined
    // A head that goes after it has had the domain, as when it is started again, is no fault of it.
    const isHeads = lifeMs > 0 && error?.code === 'PEER_UNREACHABLE'
    const from = isHeads ? { quickLives: 0 } : this.#restart
    const { state, delayMs = LIMITS.delayMsMax } = decideRestart(from, lifeMs, LIMITS)
    this.#restart = state
    return Math.min(delayMs, error === undefined ? Infinity : toldMs(error))
  }
}

/** Infinity: nothing is known. */
function toldMs({ code, details }: SputnikError): number {
  if (code === 'HEAD_NOT_READY') return NOT_READY_MS
  const { seconds } = details
  return code === 'NODE_KEPT_OUT' && typeof seconds === 'number' ? 1000 * seconds : Infinity
}

/**
 * When to try again what was lost: doubling delays, and an end to it when it keeps dying young.
 * Pure; knows nothing of processes.
 */

export type RestartLimits = {
  readonly firstDelayMs: number
  readonly delayMsMax: number
  /** A life shorter than this counts as quick. */
  readonly quickLifeMs: number
  /** Give up after so many quick lives in a row. */
  readonly quickLivesMax: number
}

export const RESTART_LIMITS: RestartLimits = {
  firstDelayMs: 200,
  delayMsMax: 30_000,
  quickLifeMs: 60_000,
  quickLivesMax: 6,
}

export type RestartState = { readonly quickLives: number }

export type RestartDecision = {
  readonly state: RestartState
  /** Undefined: give up. */
  readonly delayMs: number | undefined
}

/** `lifeMs` is the time from ready to death; 0 when it never became ready. */
export function decideRestart(
  state: RestartState,
  lifeMs: number,
  limits: RestartLimits = RESTART_LIMITS,
): RestartDecision {
  const quickLives = lifeMs < limits.quickLifeMs ? state.quickLives + 1 : 0
  if (quickLives > limits.quickLivesMax) return { state: { quickLives }, delayMs: undefined }
  const doublings = Math.max(0, quickLives - 1)
  const delayMs = Math.min(limits.delayMsMax, limits.firstDelayMs * 2 ** doublings)
  return { state: { quickLives }, delayMs }
}

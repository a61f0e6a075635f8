/** How evenly experts are called. Pure; knows nothing of who holds them. */

export type ExpertLoad = {
  readonly calls: number
  /** Calls of the busiest expert over those of the average one; null when nothing was called. */
  readonly balance: number | null
  /** Experts that were never called. */
  readonly dead: number
}

export function loadOf(calls: readonly number[]): ExpertLoad {
  const total = calls.reduce((sum, count) => sum + count, 0)
  const most = calls.reduce((max, count) => Math.max(max, count), 0)
  return {
    calls: total,
    balance: total === 0 ? null : (most * calls.length) / total,
    dead: calls.filter((count) => count === 0).length,
  }
}

/** Part of all calls that the busiest `share` of the experts take; null when there are none. */
export function coverageOf(calls: readonly number[], share: number): number | null {
  const total = calls.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  const busiest = [...calls].sort((a, b) => b - a).slice(0, Math.ceil(share * calls.length))
  return busiest.reduce((sum, count) => sum + count, 0) / total
}

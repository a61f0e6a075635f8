/** What bounds a fleet, for itself and for who simulates one: no more than numbers. */
import type { MigrationLimits } from '../pages/migration.js'

/** Longest wait for pages that nobody holds. */
export const PAGES_MS = 6_000
/** No answer is late before: the system's own pauses would count as lateness. */
export const LATE_MS_MIN = 25
/** Of pages that move to where they should lie. */
export const MOVES: MigrationLimits = { bytesInFlight: 64 << 20, movesPerDomain: 64 }

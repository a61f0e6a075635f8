/** What came of seeds, as text for people. */
import type { Counts } from './counts.js'
import type { Outcome, Violated } from './simulation.js'

const COLUMN = 34

export function formatViolation({ seed }: Outcome, { text, last }: Violated): string {
  const replay = `replay it with: npm run faults -- ${seed}`
  return [`seed ${seed} breaks a rule: ${text}`, ...last, replay].join('\n')
}

export function formatCounts(counts: Counts): string {
  return counts
    .entries()
    .map(([name, count]) => `${name.padEnd(COLUMN)} ${count}`)
    .join('\n')
}

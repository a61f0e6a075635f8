/** All findings, and what docs/findings.md says before them. */
import type { FindingMaker } from './finding.js'
import { incastFinding } from './incast-finding.js'
import { mapFinding } from './map-finding.js'
import { pageFinding } from './page-finding.js'

export const FINDINGS: readonly FindingMaker[] = [pageFinding, incastFinding, mapFinding]

export const INTRODUCTION = `# Findings

What the planner and the simulator say of the three questions on which sputnik rests. Text and tables
are written by \`npm run findings -- --write\` (or with the number of one finding); nothing is edited
by hand, and sentences with numbers in them are made from the tables. None of this was measured on
home cards: [calibration.md](calibration.md) tells how far the cost model is from measured runs elsewhere.
`

/**
 * `npm run faults -- [seed | commit] [--seeds N] [--from S]`: replays one seed aloud, or runs many.
 */
import { parseArgs } from 'node:util'
import { reasonOf } from '../../src/base/errors.js'
import { formatCounts, formatViolation } from './report.js'
import { runSeeds, seedOfCommit } from './seeds.js'
import { runSeed } from './simulation.js'

const USAGE = `Simulates fleets in which everything goes wrong, each from a seed.

  npm run faults -- 42                replays seed 42 and tells all that happens
  npm run faults -- 1f0c2a9           runs seeds that follow from a commit
  npm run faults -- --from 0 --seeds 10000

A number below 2^32 is a seed, 7 to 40 hexadecimal digits are a commit.
`
const SEEDS = 10_000
const SEED_MAX = 2 ** 32
const USAGE_EXIT = 2

function main(): number {
  const { values, positionals } = readArguments()
  const [what] = positionals
  if (positionals.length > 1) return fail(`one seed or commit, not ${positionals.length}`)
  const count = numberOf(values.seeds ?? String(SEEDS))
  const from = numberOf(values.from ?? '0')
  if (count === undefined || from === undefined) return fail('--seeds and --from want numbers')
  if (what === undefined) return runMany(from, count)
  const seed = numberOf(what)
  if (seed !== undefined) return replay(seed)
  if (/^[0-9a-f]{7,40}$/.test(what)) return runMany(seedOfCommit(what), count)
  return fail(`${what} is neither a seed nor a commit`)
}

function readArguments() {
  const options = { seeds: { type: 'string' }, from: { type: 'string' } } as const
  return parseArgs({ allowPositionals: true, options })
}

function numberOf(text: string): number | undefined {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  return number < SEED_MAX ? number : undefined
}

function fail(text: string): number {
  process.stderr.write(`${text}\n\n${USAGE}`)
  return USAGE_EXIT
}

function replay(seed: number): number {
  const outcome = runSeed(seed, (line) => process.stdout.write(`${line}\n`))
  process.stdout.write(`${formatCounts(outcome.counts)}\nhash ${outcome.hash.toString(16)}\n`)
  if (outcome.violation === undefined) return 0
  process.stdout.write(`${formatViolation(outcome, outcome.violation)}\n`)
  return 1
}

function runMany(from: number, count: number): number {
  process.stdout.write(`seeds ${from} to ${(from + count - 1) % SEED_MAX}\n`)
  const began = performance.now()
  const { counts, failures } = runSeeds(from, count, {
    now: () => performance.now(),
    progress: (line) => process.stdout.write(`${line}\n`),
  })
  const seconds = (performance.now() - began) / 1000
  process.stdout.write(`${formatCounts(counts)}\n`)
  const rate = (count / seconds).toFixed(0)
  process.stdout.write(`${count} seeds in ${seconds.toFixed(0)} s, ${rate} a second\n`)
  if (failures.length > 0) process.stdout.write(`${failures.length} seeds broke a rule\n`)
  return failures.length > 0 ? 1 : 0
}

try {
  process.exitCode = main()
} catch (error) {
  process.exitCode = fail(reasonOf(error))
}

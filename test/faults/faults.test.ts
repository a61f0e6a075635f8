import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { formatViolation } from './report.js'
import { runSeeds } from './seeds.js'
import { runSeed } from './simulation.js'

const SEEDS = 10_000
const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

/** So often it must have happened in all seeds together, or the faults did nothing. */
const AT_LEAST: Readonly<Record<string, number>> = {
  steps: 100_000,
  hedges: 500,
  'asked again': 1000,
  'leases ended': 300,
  'cards restarted': 800,
  'own cards restarted': 100,
  'pages gone': 1000,
  'pages rejected': 1000,
  'wrong pages': 500,
  'pages failed': 100,
  'steps failed PAGES_LOST': 500,
  'steps ended with their head': 100,
  'refused NODE_EVICTED': 200,
  'news back': 5000,
  'news pages-gone': 500,
  'news pages-recovered': 5000,
  'news drained': 300,
  'news left': 300,
  'news suspect': 1000,
  'news kept-out': 100,
}

test(`a fleet keeps its promises whatever goes wrong: ${SEEDS} seeds`, () => {
  const { counts, failures } = runSeeds(0, SEEDS, { failuresMax: 1 })
  for (const outcome of failures) {
    if (outcome.violation !== undefined) assert.fail(formatViolation(outcome, outcome.violation))
  }
  for (const [name, least] of Object.entries(AT_LEAST)) {
    assert.ok(counts.of(name) >= least, `${name}: ${counts.of(name)} times, not ${least}`)
  }
})

test('a seed is the same run each time, and another seed another', () => {
  const hashes = [1, 2, 3, 4].map((seed) => runSeed(seed).hash)
  assert.deepEqual(
    [1, 2, 3, 4].map((seed) => runSeed(seed).hash),
    hashes,
  )
  assert.equal(new Set(hashes).size, hashes.length)
})

test('the command replays a seed as the tests ran it', () => {
  const { hash } = runSeed(5)
  const { status, stdout } = spawnSync(process.execPath, [MAIN, '5'], { encoding: 'utf8' })
  assert.equal(status, 0)
  assert.match(stdout, /faults are over/)
  assert.match(stdout, new RegExp(`^hash ${hash.toString(16)}$`, 'm'))
})

test('the command runs the seeds of a commit', () => {
  const run = () =>
    spawnSync(process.execPath, [MAIN, '1f0c2a9', '--seeds', '5'], { encoding: 'utf8' })
  const { status, stdout } = run()
  assert.equal(status, 0, stdout)
  assert.match(stdout, /^5 seeds in /m)
  assert.equal(run().stdout.split('\n')[0], stdout.split('\n')[0])
})

test('the command says what it wants', () => {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'x'], { encoding: 'utf8' })
  assert.equal(status, 2)
  assert.match(stderr, /neither a seed nor a commit/)
})

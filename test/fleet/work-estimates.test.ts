import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WorkEstimates } from '../../src/fleet/work-estimates.js'

const SLOW = 0
const FAST = 1

function measured(): WorkEstimates {
  const estimates = new WorkEstimates(2)
  for (const domain of [SLOW, FAST]) estimates.begin(domain)
  for (let round = 0; round < 16; round++) {
    answer(estimates, SLOW, 10_000)
    answer(estimates, FAST, 1000)
  }
  return estimates
}

function answer(estimates: WorkEstimates, domain: number, us: number): void {
  estimates.note({ domain, pairs: 10, us, computeUs: us, isLate: false })
}

function assertNear(us: number | undefined, wanted: number): void {
  assert.ok(Math.abs((us ?? 0) - wanted) < 1, `${us} is not ${wanted}`)
}

test('WorkEstimates makes a domain seem faster that nobody asks, until it is measured again', () => {
  const estimates = measured()
  const { pairUs } = estimates.work
  assertNear(pairUs[SLOW], 1000)
  estimates.relax()
  for (let look = 0; look < 30; look++) {
    answer(estimates, FAST, 1000)
    estimates.relax()
  }
  assert.ok((pairUs[SLOW] ?? 0) < (pairUs[FAST] ?? 0))
  assertNear(pairUs[FAST], 100)
  answer(estimates, SLOW, 10_000)
  assertNear(pairUs[SLOW], 1000)
})

test('WorkEstimates keeps what it knows while nobody is asked at all', () => {
  const estimates = measured()
  estimates.relax()
  for (let look = 0; look < 30; look++) estimates.relax()
  assertNear(estimates.work.pairUs[SLOW], 1000)
})

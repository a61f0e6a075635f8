/** Plans for tests of what is said of them. */
import assert from 'node:assert/strict'
import type { PlanQuestion } from '../../../src/plan/report/make-plan.js'
import { makePlan } from '../../../src/plan/report/make-plan.js'
import type { Plan, PlanResult } from '../../../src/plan/report/plan.js'
import { CHAT, fleet, host, model } from '../cost/support.js'

export const SMALL: PlanQuestion = {
  model: model('qwen3-30b-a3b', 'q4_K'),
  fleet: fleet({
    head: host('rtx-5090', { priceUsd: 900 }),
    domains: [host('rtx-3090', { count: 2, priceUsd: 600 })],
  }),
  workload: { ...CHAT, utilisation: 0.4 },
  alternatives: [],
}

export function planOf(request: Partial<PlanQuestion> = {}): Plan & PlanResult {
  const plan = makePlan({ ...SMALL, ...request })
  assert.ok(plan.fits, plan.answer.sentences.join(' '))
  return plan
}

export function near(actual: number, expected: number, error = 1e-9): void {
  const text = `${actual} is not ${expected}`
  assert.ok(Math.abs(actual - expected) <= error * Math.abs(expected), text)
}

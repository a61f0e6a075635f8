import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MUTATIONS } from './mutations.js'
import { runSeed } from './simulation.js'

/** So many seeds may pass before a bug shows. */
const SEEDS = 600

for (const { name, rules, plant } of MUTATIONS) {
  test(`the checks find it when ${name}`, () => {
    const undo = plant()
    try {
      const found = firstViolation()
      assert.ok(found !== undefined, `${SEEDS} seeds broke no rule`)
      assert.ok(rules.includes(found.rule), found.text)
    } finally {
      undo()
    }
  })
}

function firstViolation() {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { violation } = runSeed(seed)
    if (violation !== undefined) return violation
  }
  return undefined
}

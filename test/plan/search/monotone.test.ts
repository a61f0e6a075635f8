import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isPlan } from '../../../src/plan/cost/cost-plan.js'
import { figuresAt } from '../../../src/plan/cost/figures.js'
import { COST_OPTIONS } from '../../../src/plan/cost/options.js'
import { layOutFor } from '../../../src/plan/cost/quick.js'
import { fleetCost } from '../../../src/plan/economics/fleet-cost.js'
import { NICS } from '../../../src/plan/economics/nic-prices.js'
import { fleetOf, groupsOf } from '../../../src/plan/search/candidates.js'
import { spaceOf, WORKLOAD } from './support.js'

const SPACE = spaceOf({
  model: 'gpt-oss-120b',
  heads: [
    ['rtx-5090', 1],
    ['rtx-3090', 2],
  ],
  cards: ['rtx-3090', 'rtx-5090'],
  perHost: [1, 4],
  hosts: [1, 3, 8],
  gigabits: [],
  replicas: [1, 2],
})
const GROUPS = groupsOf({ ...SPACE, nics: NICS })
const ROUNDING = 1e-9

/** Indices of two ports, the second no slower. */
const pairs = fc
  .tuple(fc.nat(NICS.length - 1), fc.nat(NICS.length - 1))
  .map((pair) => pair.sort((a, b) => a - b) as [number, number])

test('faster ports are never slower, hold as many sequences and cost more: pruning rests on it', () => {
  const cases = fc.record({
    group: fc.constantFrom(...GROUPS),
    head: pairs,
    domains: pairs,
    batch: fc.constantFrom(1, 3, 16, 128, 1024),
    microBatches: fc.constantFrom(1 as const, 2 as const),
  })
  fc.assert(
    fc.property(cases, ({ group, head, domains, batch, microBatches }) => {
      const [slow, fast] = ([0, 1] as const).map((end) => {
        const ports = { head: NICS[head[end]], domains: NICS[domains[end]] }
        assert.ok(ports.head !== undefined && ports.domains !== undefined)
        const fleet = fleetOf(SPACE, group, { head: ports.head, domains: ports.domains })
        const plan = layOutFor({
          model: group.variant.shape,
          fleet,
          workload: WORKLOAD,
          options: { ...COST_OPTIONS, microBatches },
        })
        const { hourUsd, upfrontUsd } = fleetCost(fleet, 0.5)
        return { plan, hourUsd, upfrontUsd }
      })
      assert.ok(slow !== undefined && fast !== undefined)
      assert.ok(slow.hourUsd <= fast.hourUsd && slow.upfrontUsd <= fast.upfrontUsd)
      assert.equal(isPlan(slow.plan), isPlan(fast.plan))
      if (!isPlan(slow.plan) || !isPlan(fast.plan)) return
      assert.equal(slow.plan.placement.cacheRoomBytes, fast.plan.placement.cacheRoomBytes)
      const before = figuresAt(slow.plan, WORKLOAD, batch)
      const after = figuresAt(fast.plan, WORKLOAD, batch)
      assert.ok(after.tpotS <= before.tpotS * (1 + ROUNDING))
      assert.ok(after.ttftS <= before.ttftS * (1 + ROUNDING))
    }),
    { numRuns: 300 },
  )
})

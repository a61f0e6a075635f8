import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isPlan, layOut } from '../../../src/plan/cost/cost-plan.js'
import { fullPlacement } from '../../../src/plan/cost/full-placement.js'
import { COST_OPTIONS } from '../../../src/plan/cost/options.js'
import { type Placement, TIERS } from '../../../src/plan/cost/placement.js'
import { shareOut } from '../../../src/plan/cost/share-out.js'
import type { Fleet } from '../../../src/plan/fleet/fleet.js'
import { fleet, host, model } from './support.js'

const QWEN = model('qwen3-30b-a3b', 'q4_K')

const fleets: fc.Arbitrary<Fleet> = fc
  .record({
    kinds: fc.array(
      fc.record({
        card: fc.constantFrom('rtx-3090', 'rtx-4090', 'rtx-5090'),
        count: fc.integer({ min: 1, max: 5 }),
        cards: fc.integer({ min: 1, max: 3 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    replicas: fc.integer({ min: 1, max: 3 }),
    head: fc.constantFrom('rtx-3090', 'h100-sxm'),
  })
  .map(({ kinds, replicas, head }) =>
    fleet({
      head: host(head),
      domains: kinds.map(({ card, ...rest }) => host(card, rest)),
      replicas,
    }),
  )

function laidOut(one: Fleet, shape = QWEN): ReturnType<typeof layOut> {
  return layOut({
    model: shape,
    fleet: one,
    options: COST_OPTIONS,
    sequences: 1,
    contextTokens: 4096,
  })
}

function pageBytes({ sites }: Placement): number {
  return sites.reduce(
    (sum, { count, pages }) => sum + count * TIERS.reduce((all, tier) => all + pages[tier], 0),
    0,
  )
}

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)
}

test('every page lies somewhere, as often as it should, within memory', () => {
  fc.assert(
    fc.property(fleets, (one) => {
      const plan = laidOut(one)
      if (!isPlan(plan)) return
      const { placement, work } = plan
      near(pageBytes(placement), work.allPageBytes * one.replicas, 2)
      near(
        placement.sites.reduce((sum, { share, count }) => sum + share * count, 0),
        1,
        1e-9,
      )
      for (const { pages, machine } of placement.sites) {
        assert.ok(pages.device <= machine.deviceBytes + 1)
        assert.ok(pages.ram <= machine.ramBytes + 1)
        assert.ok(pages.disk <= machine.host.diskBytes + 1)
      }
      assert.ok(placement.cacheRoomBytes >= 0)
      near(placement.trunk.device + placement.trunk.ram, work.trunkBytes, 1)
    }),
  )
})

test('the bytes are those of the placement that a fleet makes page by page', () => {
  fc.assert(
    fc.property(fleets, (one) => {
      const plan = laidOut(one)
      if (!isPlan(plan) || plan.layout === 'whole') return
      const isMixed = plan.placement.sites.some(
        ({ isLocal, pages }) => isLocal || pages.ram + pages.disk > 0,
      )
      if (isMixed) return
      const { replicas } = one
      const { table, domains } = fullPlacement(plan.work, { placement: plan.placement, replicas })
      const held = new Float64Array(domains.length)
      for (let entry = 0; entry < table.entries; entry++) {
        for (const id of table.holdersOf(entry)) held[id] = (held[id] ?? 0) + plan.work.pageBytes
      }
      const counted = plan.placement.sites.flatMap(({ count, pages }) =>
        new Array<number>(count).fill(pages.device),
      )
      // Whole pages of each layer round to one either way.
      const tolerance = 2 * plan.work.pageBytes
      counted.forEach((bytes, id) => {
        near(held[id] ?? 0, bytes, tolerance)
      })
    }),
    { numRuns: 15 },
  )
})

test('what cards cannot hold goes to RAM, then to disks', () => {
  const shape = model('qwen3-235b-a22b', 'q4_K')
  const small = { ramBytes: 40e9, cards: 1 }
  const head = host('rtx-5090', { ramBytes: 0, diskBytes: 0 })
  const plan = laidOut(fleet({ head, domains: [host('rtx-3090', small)] }), shape)
  assert.ok(isPlan(plan))
  const [site] = plan.placement.sites
  assert.ok(site !== undefined && site.pages.ram > 0 && site.pages.disk > 0)
  near(site.pages.ram, site.machine.ramBytes, 1)
})

test('a shortage tells where, how many bytes, and what would help', () => {
  const bare = { ramBytes: 0, diskBytes: 0 }
  const pages = laidOut(fleet({ head: host('rtx-5090', bare) }), model('kimi-k2'))
  assert.ok(!isPlan(pages))
  assert.equal(pages.where, 'domains')
  assert.ok(pages.missingBytes > 900e9)
  const trunk = laidOut(
    fleet({ head: host('rtx-5090', bare), domains: [host('rtx-3090', { count: 60 })] }),
    model('deepseek-v3', 'bf16'),
  )
  assert.ok(!isPlan(trunk))
  assert.equal(trunk.where, 'head')
  assert.match(trunk.remedy, /more memory/)
})

test('more replicas than hosts have no place', () => {
  const one = fleet({ head: host('rtx-5090'), domains: [host('rtx-5090')], replicas: 3 })
  const plan = laidOut(one)
  assert.ok(!isPlan(plan))
  assert.match(plan.remedy, /fewer replicas/)
})

test('a rack holds the model once in each set of linked cards', () => {
  const rack = fleet({ head: host('h200-sxm', { cards: 8, count: 3 }), layout: 'whole' })
  const plan = laidOut(rack, model('deepseek-v3'))
  assert.ok(isPlan(plan) && plan.layout === 'whole')
  assert.deepEqual([plan.placement.groups, plan.placement.groupCards], [3, 8])
  const tight = fleet({ head: host('h100-sxm', { cards: 8, count: 2 }), layout: 'whole' })
  const wide = laidOut(tight, model('deepseek-v3'))
  assert.ok(isPlan(wide) && wide.layout === 'whole')
  assert.deepEqual([wide.placement.groups, wide.placement.groupCards], [1, 16])
})

test('shareOut shares hosts that are alike as if each stood by itself', () => {
  const room = fc.record({
    limit: fc.integer({ min: 1, max: 1000 }),
    weight: fc.integer({ min: 1, max: 50 }),
    count: fc.integer({ min: 1, max: 4 }),
  })
  fc.assert(
    fc.property(fc.array(room, { minLength: 1, maxLength: 5 }), fc.nat(), (rooms, seed) => {
      const all = rooms.reduce((sum, { limit, count }) => sum + limit * count, 0)
      const total = seed % (all + 1)
      const single = rooms.flatMap(({ limit, weight, count }) =>
        new Array<{ limit: number; weight: number; count: number }>(count).fill({
          limit,
          weight,
          count: 1,
        }),
      )
      const together = shareOut(total, rooms)
      const apart = shareOut(total, single)
      const spread = rooms.flatMap(({ count }, at) => new Array(count).fill(together[at] ?? 0))
      spread.forEach((share: number, at) => {
        near(share, apart[at] ?? Number.NaN, 1e-6 * (1 + total))
      })
      near(
        apart.reduce((sum, share) => sum + share, 0),
        total,
        1e-6 * (1 + total),
      )
    }),
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Prng } from '../../src/base/prng.js'
import { type DomainCapacity, makeQuotas, type RegionPages } from '../../src/pages/capacity.js'
import { HolderTable } from '../../src/pages/holder-table.js'
import { type PlacementRequest, placePages, slowestLayerUs } from '../../src/pages/placement.js'
import { copiesPerToken, countTogether, drawTrace } from './traces.js'

const PAGE = 1000

function domain(id: number, { pages, us = 10 }: { pages: number; us?: number }): DomainCapacity {
  const speed = { points: [{ tokens: 1, usPerPair: us }] }
  return { id, cards: [{ memoryBytes: pages * PAGE, speed }] }
}

function regionsOf(count: number, experts: number): RegionPages[] {
  return Array.from({ length: count }, () => ({ experts, pageBytes: PAGE }))
}

function checkPlacement(
  table: HolderTable,
  { regions, domains, replicas }: PlacementRequest,
): void {
  const bytes = new Map<number, number>()
  for (let entry = 0; entry < table.entries; entry++) {
    const holders = table.holdersOf(entry)
    assert.equal(new Set(holders).size, replicas)
    const { region } = table.page(entry)
    for (const id of holders) {
      bytes.set(id, (bytes.get(id) ?? 0) + (regions[region]?.pageBytes ?? 0))
    }
  }
  for (const { id, cards } of domains) {
    const room = cards.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
    assert.ok((bytes.get(id) ?? 0) <= room, `domain ${id} holds more than it can`)
    bytes.delete(id)
  }
  assert.equal(bytes.size, 0, 'pages on a domain that was not offered')
}

/** Pages that `after` has where `before` had not. */
function newPages(before: HolderTable, after: HolderTable): number {
  let count = 0
  for (let entry = 0; entry < after.entries; entry++) {
    for (const id of after.holdersOf(entry)) if (!before.has(entry, id)) count++
  }
  return count
}

const requests = fc
  .record({
    regions: fc.array(fc.integer({ min: 1, max: 24 }), { minLength: 1, maxLength: 6 }),
    replicas: fc.integer({ min: 1, max: 4 }),
    extra: fc.integer({ min: 0, max: 30 }),
    parts: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 4, maxLength: 12 }),
    speeds: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 12, maxLength: 12 }),
  })
  .map(({ regions, replicas, extra, parts, speeds }) => {
    const pages = regions.reduce((sum, experts) => sum + experts, 0)
    const all = parts.reduce((sum, part) => sum + part, 0)
    // Tight: with no extra the memory is hardly more than what is needed.
    const rooms = parts.map((part) => Math.ceil((part / all) * pages * replicas) + extra)
    return {
      regions: regions.map((experts) => ({ experts, pageBytes: PAGE })),
      domains: rooms.map((room, id) => domain(3 * id, { pages: room, us: speeds[id] ?? 1 })),
      replicas,
    }
  })

test('placePages keeps within memory, with replicas on different domains', () => {
  fc.assert(
    fc.property(requests, (request) => {
      try {
        checkPlacement(placePages(request), request)
      } catch (error) {
        assert.match(String(error), /bytes .* are missing/)
        const pages = request.regions.reduce((sum, { experts }) => sum + experts, 0)
        const room = request.domains.reduce((sum, { cards }) => {
          return sum + Math.min(pages, (cards[0]?.memoryBytes ?? 0) / PAGE)
        }, 0)
        assert.ok(room < pages * request.replicas, 'it would have fitted')
      }
    }),
    { numRuns: 300 },
  )
})

test('placePages fits pages of several sizes on domains of several cards', () => {
  const regions = [7, 3, 11].map((pages) => ({ experts: 16, pageBytes: pages * PAGE }))
  const speed = { points: [{ tokens: 1, usPerPair: 10 }] }
  const domains = Array.from({ length: 5 }, (_, id) => ({
    id,
    cards: [60, 90].map((pages) => ({ memoryBytes: pages * PAGE, speed })),
  }))
  const request = { regions, domains, replicas: 1 }
  checkPlacement(placePages(request), request)
})

test('placePages says how many bytes are missing', () => {
  const request = { regions: regionsOf(2, 10), replicas: 2, domains: [5, 30].map(room) }
  assert.throws(() => placePages(request), {
    code: 'PLACEMENT_FULL',
    details: { missingBytes: 15 * PAGE },
  })
  assert.throws(() => placePages({ ...request, replicas: 3 }), /3 replicas need 3 domains/)
})

function room(pages: number, id: number): DomainCapacity {
  return domain(id, { pages })
}

test('placePages gives domains pages by their speed, in every layer', () => {
  const speeds = [10, 10, 20, 40]
  const domains = speeds.map((us, id) => domain(id, { pages: 1000, us }))
  const request = { regions: regionsOf(8, 110), domains, replicas: 1 }
  const table = placePages(request)
  const rate = speeds.reduce((sum, us) => sum + 1 / us, 0)
  assert.ok(slowestLayerUs(table, request) <= (110 / rate) * 1.1)
})

test('placePages balances experts of uneven popularity', () => {
  const prng = Prng.fromSeed(4)
  const regions = regionsOf(4, 64)
  const popularity = regions.map(() =>
    Float32Array.from({ length: 64 }, () => 1 + 20 * prng.nextFloat() ** 4),
  )
  const domains = Array.from({ length: 8 }, (_, id) => domain(id, { pages: 100 }))
  const request = { regions, domains, replicas: 1, popularity }
  const calls = popularity.map((list) => list.reduce((sum, one) => sum + one, 0))
  assert.ok(slowestLayerUs(placePages(request), request) <= ((Math.max(...calls) * 10) / 8) * 1.05)
})

test('placePages saves copies by keeping experts together that fire together', () => {
  const trace = drawTrace({ experts: 64, tokens: 4000, top: 8, topics: 8, seed: 1 })
  const fresh = drawTrace({ experts: 64, tokens: 2000, top: 8, topics: 8, seed: 2 })
  const { popularity, together } = countTogether(trace, 64)
  const domains = Array.from({ length: 4 }, (_, id) => domain(id, { pages: 64 }))
  // With replicas the choice among them saves most of the copies by itself.
  const leastSaved = new Map([
    [1, 0.2],
    [2, 0.03],
  ])
  for (const [replicas, least] of leastSaved) {
    const request = { regions: regionsOf(1, 64), domains, replicas, popularity: [popularity] }
    const apart = placePages(request)
    const joined = placePages({ ...request, together: [together] })
    checkPlacement(joined, request)
    const saved = 1 - copiesPerToken(joined, fresh) / copiesPerToken(apart, fresh)
    assert.ok(saved > least, `${saved} saved with ${replicas} replicas`)
    assert.ok(slowestLayerUs(joined, request) <= slowestLayerUs(apart, request) * 1.1)
  }
})

test('placePages moves little when a domain leaves or joins', () => {
  for (const replicas of [1, 2]) {
    const speeds = [10, 12, 15, 20, 10, 30, 11, 25]
    const domains = speeds.map((us, id) => domain(id, { pages: 400 * replicas, us }))
    const request = { regions: regionsOf(12, 64), domains, replicas }
    const before = placePages(request)
    assert.equal(newPages(before, placePages({ ...request, current: before })), 0)

    const fewer = { ...request, domains: domains.filter(({ id }) => id !== 2), current: before }
    const after = placePages(fewer)
    checkPlacement(after, fewer)
    const left = Array.from({ length: before.entries }, (_, entry) => entry)
    const unavoidable = left.filter((entry) => before.has(entry, 2)).length
    assert.ok(newPages(before, after) <= 1.5 * unavoidable)

    const back = placePages({ ...request, current: after })
    checkPlacement(back, request)
    const quota = makeQuotas({ ...request, tokensPerExpert: 1 }).find(({ id }) => id === 2)
    assert.ok(newPages(after, back) <= 1.5 * ((quota?.quotaBytes ?? 0) / PAGE))
    assert.ok(slowestLayerUs(back, request) <= 1.25 * slowestLayerUs(before, request))
  }
})

test('placePages heals whatever a random history of joins and leaves left', () => {
  for (let seed = 0; seed < 40; seed++) {
    const prng = Prng.fromSeed(seed)
    const regions = regionsOf(3, 20)
    let current = new HolderTable(regions, 2)
    for (let round = 0; round < 6; round++) {
      const domains = Array.from({ length: 9 }, (_, id) =>
        domain(id, { pages: 40 + prng.nextBelow(20), us: 5 + prng.nextBelow(30) }),
      ).filter(({ id }) => id < 3 || prng.nextBelow(2) === 0)
      const request = { regions, domains, replicas: 2, current }
      current = placePages(request)
      checkPlacement(current, request)
    }
  }
})

test('makeQuotas takes speeds between measured points, and rooflines', () => {
  const points = [
    { tokens: 1, usPerPair: 40 },
    { tokens: 5, usPerPair: 20 },
  ]
  const cards = [{ memoryBytes: 1e6, speed: { points } }]
  const roofline = { flopsPerSecond: 1e9, bytesPerSecond: 1e8 }
  const domains = [
    { id: 0, cards },
    { id: 1, cards: [...cards, ...cards] },
    { id: 2, cards: [{ memoryBytes: 1e6, speed: roofline }] },
  ]
  const regions = [{ experts: 10, pageBytes: PAGE, flopsPerPair: 4000 }]
  const usAt = (tokensPerExpert: number): number[] =>
    makeQuotas({ regions, domains, replicas: 1, tokensPerExpert }).map(({ pairUs }) =>
      Math.round(pairUs),
    )
  assert.deepEqual(usAt(1), [40, 20, 10])
  assert.deepEqual(usAt(3), [30, 15, 4])
  assert.deepEqual(usAt(100), [20, 10, 4])
})

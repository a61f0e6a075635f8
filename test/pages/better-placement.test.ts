import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../../src/base/prng.js'
import { Usage } from '../../src/fleet/usage.js'
import { betterPlacement, holdersOf } from '../../src/pages/better-placement.js'
import { HolderTable } from '../../src/pages/holder-table.js'
import { dealPages, placePages } from '../../src/pages/placement.js'
import { copiesPerToken, togetherOf } from '../../src/pages/token-samples.js'

const EXPERTS = 32
const USED = 4
const REGIONS = [{ experts: EXPERTS, pageBytes: 1000 }]
const SPEED = { flopsPerSecond: 1e12, bytesPerSecond: 1e9 }
const DOMAINS = [0, 1, 2, 3].map((id) => ({
  id,
  cards: [{ memoryBytes: 1000 * EXPERTS, speed: SPEED }],
}))

/** Tokens choose within one of eight groups, whose experts lie apart by number. */
function groupedTraffic(): Usage {
  const usage = new Usage(REGIONS)
  const prng = Prng.fromSeed(3)
  for (let token = 0; token < 3000; token++) {
    const group = prng.nextBelow(8)
    const experts = Int32Array.from({ length: USED }, (_, slot) => group + 8 * slot)
    usage.note({ tokens: 1, nUsed: USED, experts, weights: new Float32Array(USED) }, 0)
  }
  return usage
}

function dealt(): number[][] {
  return dealPages(REGIONS, DOMAINS.length)[0]?.map((id) => [id]) ?? []
}

test('Usage counts calls and keeps the choices of the last tokens', () => {
  const usage = groupedTraffic()
  assert.equal(
    usage.of(0).reduce((sum, count) => sum + count, 0),
    3000 * USED,
  )
  const [samples] = usage.samples
  assert.equal(samples?.experts.length, 2048 * USED)
  const together = togetherOf(samples ?? { nUsed: 0, experts: new Uint16Array() }, EXPERTS)
  for (let a = 0; a < EXPERTS; a++) {
    for (let b = 0; b < EXPERTS; b++) {
      assert.equal((together[a * EXPERTS + b] ?? 0) > 0, a !== b && a % 8 === b % 8, `${a} ${b}`)
      assert.equal(together[a * EXPERTS + b], together[b * EXPERTS + a])
    }
  }
})

test('betterPlacement brings experts together that are chosen together', () => {
  const { popularity, samples } = groupedTraffic()
  // Group g has the experts g, g + 8, ..., which the deal puts on one domain, so shift every other.
  const holders = dealt().map((_, expert) => [(expert + Math.floor(expert / 8)) % 4])
  const request = { regions: REGIONS, domains: DOMAINS, replicas: 1, popularity, samples, holders }
  const { wanted, copies } = betterPlacement(request)
  assert.equal(copies.before, 4)
  assert.ok(copies.after < 1.3, `${copies.after} copies of a token`)
  assert.equal(wanted?.length, EXPERTS)
  assert.deepEqual(
    wanted?.map((ids) => ids.length),
    new Array(EXPERTS).fill(1),
  )
  // What was found is as good as it gets.
  const again = betterPlacement({ ...request, holders: wanted ?? [] })
  assert.equal(again.wanted, undefined)
})

test('betterPlacement leaves a placement alone when the traffic has no groups', () => {
  const usage = new Usage(REGIONS)
  const prng = Prng.fromSeed(4)
  for (let token = 0; token < 3000; token++) {
    const experts = Int32Array.from({ length: EXPERTS }, (_, expert) => expert)
    for (let i = 0; i < USED; i++) {
      const j = i + prng.nextBelow(EXPERTS - i)
      ;[experts[i], experts[j]] = [experts[j] ?? 0, experts[i] ?? 0]
    }
    const choice = { tokens: 1, nUsed: USED, experts, weights: new Float32Array(USED) }
    usage.note(choice, 0)
  }
  const holders = holdersOf(placePages({ regions: REGIONS, domains: DOMAINS, replicas: 1 }))
  const { popularity, samples } = usage
  const request = { regions: REGIONS, domains: DOMAINS, replicas: 1, popularity, samples, holders }
  assert.equal(betterPlacement(request).wanted, undefined)
})

test('copiesPerToken counts the fewest domains it finds for each token', () => {
  const table = new HolderTable(REGIONS, 2)
  for (const [expert, id] of [
    [0, 0],
    [0, 1],
    [1, 1],
    [2, 1],
    [3, 2],
  ] as const) {
    table.add(expert, id)
  }
  const samples = [{ nUsed: 3, experts: Uint16Array.of(0, 1, 2, 0, 3, 0xffff, 0xffff, 0xffff, 9) }]
  assert.equal(copiesPerToken(table, samples), (1 + 2 + 0) / 3)
})

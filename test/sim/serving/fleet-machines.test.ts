import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf, type Outage } from '../../../src/sim/serving/faults.js'
import { replay } from '../../../src/sim/serving/requests.js'
import { EXPERTS, fleetMachines, LAYERS } from './fleet.js'
import { mean, run } from './support.js'

const DECODE = { prefillTokens: 0, decodeSequences: 1, contextTokens: 1, prefillContextTokens: 0 }
const PAGES = LAYERS * EXPERTS

/** One request each tenth of a second. */
function steady(count: number) {
  const requests = Array.from({ length: count }, (_, at) => ({
    arrivalS: at / 10,
    promptTokens: 8,
    outputTokens: 4,
  }))
  return { requests: replay(requests, 1e9), durationS: count / 10 }
}

function serve(
  outages: readonly Outage[],
  fleet: Partial<Parameters<typeof fleetMachines>[0]> & { count: number; pages: number },
) {
  const machines = fleetMachines({ ...fleet, faults: faultsOf(outages) })
  return { machines, ...run({ ...steady(400), machines, parallel: 8 }) }
}

test('FleetMachines takes the time of the slowest domain in each layer', () => {
  const alone = fleetMachines({ count: 1, pages: PAGES })
  const { seconds, domainS } = alone.cost(DECODE)
  // Two experts, one token; 12 or 14 bytes of pairs and headers beside the rows.
  const layerS = 2 * (1e-5 + 1e-3) + 2 * 1e-5 + 3000 / 1e9
  assert.ok(Math.abs(seconds - (0.01 + LAYERS * layerS)) < 1e-6)
  assert.ok(Math.abs((domainS[0] ?? 0) - LAYERS * 2 * 1.01e-3) < 1e-9)
})

test('FleetMachines shares the work of several domains', () => {
  const two = fleetMachines({ count: 2, pages: PAGES / 2, samples: 0 })
  const costs = Array.from({ length: 2000 }, () => two.cost(DECODE))
  // Both experts lie on one domain, of 8 experts each, with a chance of 7/15: then it takes 2 turns.
  const expertS = 1.01e-3 * (1 + 7 / 15)
  const expected = LAYERS * expertS
  const slowest = costs.map(({ seconds, headS, networkS }) => seconds - headS - networkS)
  assert.ok(Math.abs(mean(slowest) / expected - 1) < 0.02, `${mean(slowest)} ${expected}`)
})

test('FleetMachines chooses the replica on the faster domain', () => {
  const both = fleetMachines({
    count: 2,
    pages: PAGES,
    replicas: 2,
    faults: [{ kind: 'slow', domain: 0, factor: 50, atS: 1 }],
  })
  const before = both.cost(DECODE)
  assert.ok((before.domainS[0] ?? 0) > 0)
  both.tick(1)
  const { domainS } = both.cost(DECODE)
  assert.equal(domainS[0], 0)
  assert.ok((domainS[1] ?? 0) > 0)
})

test('a fleet with replicas survives the loss of a domain and fails nothing', () => {
  const outages = [{ domain: 1, atS: 10.003, forS: 10 }]
  const { simulation, recorder, machines } = serve(outages, {
    count: 4,
    pages: PAGES,
    replicas: 2,
  })
  assert.deepEqual(simulation.counts, {
    arrived: 400,
    waiting: 0,
    running: 0,
    finished: 400,
    failed: 0,
    rejected: 0,
  })
  // Replicas were made anew elsewhere: 32 pages of 1 MB, and back again.
  assert.ok(machines.loadedBytes >= 32e6, `${machines.loadedBytes}`)
  const undisturbed = serve([], { count: 4, pages: PAGES, replicas: 2 })
  assert.equal(undisturbed.machines.loadedBytes, 0)
  assert.ok(Math.max(...recorder.ttft) > Math.max(...undisturbed.recorder.ttft))
})

test('a fleet without replicas loads lost pages from the head and fails nothing', () => {
  const outages = [{ domain: 1, atS: 10.003, forS: Number.POSITIVE_INFINITY }]
  const { simulation, recorder } = serve(outages, { count: 4, pages: PAGES })
  assert.equal(simulation.counts.finished, 400)
  // The lease of 3 s, or what pages take to come.
  assert.ok(Math.max(...recorder.ttft) > 2)
})

test('a fleet without replicas and without a source fails what needs lost pages', () => {
  const outages = [{ domain: 1, atS: 10.003, forS: 15 }]
  const { simulation, recorder } = serve(outages, { count: 4, pages: PAGES, hasOrigin: false })
  const { finished, failed } = simulation.counts
  assert.equal(finished + failed, 400)
  assert.ok(failed > 50, `${failed}`)
  const { good, ended } = recorder.sums
  assert.deepEqual([good, ended], [finished, 400])
  const ends = recorder.records.filter(({ outcome }) => outcome === 'failed')
  const times = ends.map(({ endedS }) => endedS)
  // Six seconds are waited for pages, and the domain comes back with them on its disk.
  assert.ok(Math.min(...times) >= 16 && Math.max(...times) < 25.1)
})

test('a request that needs no lost page finishes while others fail', () => {
  const counts = Array.from({ length: EXPERTS }, (_, expert) => (expert < 4 ? 1 : 0))
  const outages = [{ domain: 1, atS: 5, forS: Number.POSITIVE_INFINITY }]
  const { simulation } = serve(outages, {
    count: 8,
    pages: PAGES,
    hasOrigin: false,
    popularity: { kind: 'counts', counts: [counts] },
  })
  const { finished, failed } = simulation.counts
  assert.ok(failed > 0 && finished > 0, `${finished} ${failed}`)
})

test('a lost domain makes each run the same', () => {
  const outages = [{ domain: 0, atS: 3, forS: 3 }]
  const hash = () => serve(outages, { count: 3, pages: PAGES, replicas: 2 }).simulation.hash
  assert.equal(hash(), hash())
})

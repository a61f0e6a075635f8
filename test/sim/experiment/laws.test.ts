import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { boundOf } from '../../../src/sim/experiment/bound.js'
import { payloadBytesOf } from '../../../src/sim/experiment/experiment.js'
import { ExperimentRun } from '../../../src/sim/experiment/experiment-run.js'
import { checkFields } from '../../../src/sim/experiment/fields.js'
import { makeExperiment } from '../../../src/sim/experiment/make-experiment.js'
import { type RunResult, resultOf } from '../../../src/sim/experiment/result.js'
import { TRANSPORT_NAMES, type TransportName } from '../../../src/sim/experiment/transports.js'
import { trafficOf } from '../../../src/sim/experiment/workload.js'

const PS = 1e-12
const NETWORKS = ['star', 'leaf-spine', 'fat-tree'] as const
/** Links on the longest way. */
const LINKS = { star: 2, 'leaf-spine': 4, 'fat-tree': 6 }

function run(given: object, transport: TransportName, slice = 1e9): RunResult {
  const experiment = makeExperiment(checkFields({ rto: '1 ms', ...given }, 'test'), transport)
  const running = new ExperimentRun(experiment)
  while (running.end === undefined) running.advance(slice)
  return resultOf(running)
}

for (const topology of NETWORKS) {
  test(`one message through a ${topology} takes zero-load latency and serialisation`, () => {
    // Two hosts as far from each other as can be.
    const leaves = topology === 'leaf-spine' ? { leaves: 2 } : {}
    const given = { topology, hosts: 2, ...leaves, workload: 'incast:1', bytes: '32768 B' }
    const links = LINKS[topology]
    // Eight packets over the first link, and the last of them over all others.
    const seconds = links * 1e-6 + ((8 + links - 1) * 4160) / 12.5e9
    for (const transport of TRANSPORT_NAMES) {
      const { flows, bound } = run(given, transport)
      assert.ok(Math.abs(bound.seconds - seconds) < PS)
      // Frames of the fabric have headers, and its processes look at their sockets now and then.
      if (transport === 'credits' || transport === 'kept') assert.ok((flows.maxS ?? 0) > seconds)
      else assert.ok(Math.abs((flows.maxS ?? 0) - seconds) < PS, transport)
    }
  })
}

test('the bound of a far message counts every link of its way', () => {
  for (const topology of NETWORKS) {
    const given = { topology, hosts: 16, workload: 'permutation', bytes: '1 B' }
    const experiment = makeExperiment(checkFields(given, 'test'), 'tcp')
    const { seconds } = boundOf(trafficOf(experiment)(), experiment)
    assert.ok(Math.abs(seconds - LINKS[topology] * (1e-6 + 65 / 12.5e9)) < PS, topology)
  }
})

test('an incast takes n S / C at least, and receiver-driven transports hardly more', () => {
  for (const transport of TRANSPORT_NAMES) {
    for (const senders of [2, 12]) {
      const { flows, overBound, experiment } = run({ workload: `incast:${senders}` }, transport)
      const packets = Math.ceil(256_000 / payloadBytesOf(experiment))
      const least = (senders * (256_000 + 64 * packets)) / 12.5e9
      assert.equal(flows.finished, senders)
      assert.ok((flows.maxS ?? 0) >= least, `${transport}, ${senders}:1`)
      if (transport === 'ndp' || transport === 'dcqcn')
        assert.ok((overBound ?? 9) < 1.03, transport)
    }
  }
})

test('no transport beats the bound, whatever the network and workload', () => {
  const given = fc.record({
    topology: fc.constantFrom(...NETWORKS),
    workload: fc.constantFrom('permutation', 'all-to-all', 'incast:5', 'incast:15'),
    bytes: fc.integer({ min: 1, max: 60_000 }).map((bytes) => `${bytes} B`),
    buffer: fc.constantFrom('20 kB', '200 kB'),
    rounds: fc.integer({ min: 1, max: 3 }),
    seed: fc.nat(1000),
  })
  const property = fc.property(
    given,
    fc.constantFrom(...TRANSPORT_NAMES),
    fc.constantFrom('40 Gbit/s', '100 Gbit/s', '400 Gbit/s'),
    (fields, transport, uplink) => {
      const uplinks = fields.topology === 'leaf-spine' ? { uplink, spines: 2 } : {}
      const { overBound, rounds, end, flows } = run({ hosts: 16, ...fields, ...uplinks }, transport)
      assert.equal(end, 'finished')
      assert.equal(flows.finished, flows.total)
      assert.equal(rounds.finished, fields.rounds)
      assert.ok((rounds.p50S ?? 0) > 0 && (overBound ?? 0) >= 1 - 1e-9, `${overBound}`)
    },
  )
  fc.assert(property, { numRuns: 40, seed: 1 })
})

test('no transport beats the bound of layers with experts, apart or whole', () => {
  for (const layout of ['apart', 'whole'] as const) {
    for (const transport of ['ndp', 'dctcp', 'credits'] as const) {
      const given = { workload: 'moe:qwen3-30b-a3b', layout, hosts: 5, tokens: 32, rounds: 3 }
      const { overBound, end, flows, rounds } = run(given, transport)
      assert.equal(end, 'finished')
      assert.equal(rounds.finished, 3)
      // A dispatch and a combine of each pair of hosts, where each has some token for each.
      assert.equal(flows.finished, layout === 'apart' ? 3 * 2 * 4 : 3 * 2 * 5 * 4)
      assert.ok((overBound ?? 0) >= 1, `${layout}, ${transport}: ${overBound}`)
    }
  }
})

test('the slowest domain bounds a layer: dispatch, work and combine one after the other', () => {
  const given = {
    workload: 'moe:deepseek-v3',
    hosts: 33,
    tokens: 1,
    rounds: 20,
    rate: '400 Gbit/s',
  }
  const { overBound, bound } = run(given, 'ndp')
  assert.match(bound.bottleneck, /^through host \d+$/)
  // One token, and hardly anything to wait for on the way.
  assert.ok((overBound ?? 9) < 1.05, `${overBound}`)
})

test('an oversubscribed leaf is the bottleneck, and goodput is a share of it', () => {
  const given = { topology: 'leaf-spine', hosts: 8, leaves: 2, spines: 1, workload: 'all-to-all' }
  const result = run({ ...given, bytes: '400 kB', buffer: '1 MB' }, 'ndp')
  assert.match(result.bound.bottleneck, /^(from|to) leaf 0$/)
  // 4 x 4 of 8 x 7 messages go from leaf 0 to leaf 1.
  assert.ok(Math.abs(result.bound.share - 16 / 56) < 1e-12)
  assert.ok(result.goodputShare > 0.5 && result.goodputShare < 1)
})

test('a run is the same in slices of any size, and another with another seed', () => {
  const given = { topology: 'fat-tree', hosts: 16, workload: 'permutation', bytes: '64 kB' }
  const [whole, sliced, other] = [
    run(given, 'ndp'),
    run(given, 'ndp', 7),
    run({ ...given, seed: 2 }, 'ndp'),
  ]
  assert.equal(sliced.eventHash, whole.eventHash)
  assert.deepEqual(sliced, whole)
  assert.notEqual(other.eventHash, whole.eventHash)
})

test('every transport is given the same permutation', () => {
  const given = { hosts: 16, workload: 'permutation', bytes: '1 kB' }
  const pairs = TRANSPORT_NAMES.map((transport) =>
    run(given, transport).completions.map(({ source, destination }) => [source, destination]),
  )
  for (const one of pairs) assert.deepEqual(one, pairs[0])
})

test('rounds follow each other without a gap', () => {
  const { completions, rounds } = run({ workload: 'incast:4', rounds: 3 }, 'ndp')
  const ends = [0, 1, 2].map((round) =>
    Math.max(
      ...completions.slice(4 * round, 4 * round + 4).map((one) => one.startS + (one.tookS ?? 0)),
    ),
  )
  assert.deepEqual(
    [4, 8].map((flow) => completions[flow]?.startS),
    ends.slice(0, 2),
  )
  assert.ok((rounds.p50S ?? 0) > 0)
})

test('a run stops at its time with what there is', () => {
  const result = run({ until: '100 us' }, 'ndp')
  assert.equal(result.end, 'until')
  assert.equal(result.simulatedS, 1e-4)
  assert.equal(result.flows.finished, 0)
  assert.equal(result.flows.p99S, null)
  assert.equal(result.overBound, null)
  assert.ok(result.books.queuedBytes > 0)
  // All of the bottleneck was used but for the first way.
  assert.ok(result.goodputShare > 0.9 && result.goodputShare < 1)
})

test('samples are few, in order, and end with all that was delivered', () => {
  const { samples } = run({ workload: 'incast:8', bytes: '100 kB', rounds: 40 }, 'ndp')
  assert.ok(samples.length > 500 && samples.length <= 2048)
  for (const [i, { timeS, deliveredBytes }] of samples.entries()) {
    const before = samples[i - 1]
    if (before === undefined) continue
    assert.ok(timeS > before.timeS && deliveredBytes >= before.deliveredBytes)
  }
  const delivered = samples.at(-1)?.deliveredBytes ?? 0
  assert.ok(delivered > 0.95 * 8 * 100e3 * 40)
})

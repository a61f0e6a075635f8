import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { steadyRate } from '../../../src/sim/serving/arrivals.js'
import type { Lengths } from '../../../src/sim/serving/lengths.js'
import { wholeMachine } from '../../../src/sim/serving/machines.js'
import { reportOf } from '../../../src/sim/serving/report.js'
import { replay, Traffic } from '../../../src/sim/serving/requests.js'
import { mean, prepare, run } from './support.js'

function traffic(options: {
  perSecond: number
  durationS: number
  prompts?: Lengths
  outputs?: Lengths
  seed?: number
}): Traffic {
  const { perSecond, durationS, seed = 1 } = options
  return new Traffic({
    rate: steadyRate(perSecond),
    prompts: options.prompts ?? { kind: 'fixed', tokens: 16 },
    outputs: options.outputs ?? { kind: 'fixed', tokens: 1 },
    contextLength: 4096,
    durationS,
    seed,
  })
}

const near = (actual: number, expected: number, share: number): void =>
  assert.ok(
    Math.abs(actual - expected) <= share * expected,
    `${actual} is not within ${100 * share} % of ${expected}`,
  )

test('ServingSimulation waits as M/D/1 does with one slot and steps of one length', () => {
  const serviceS = 1
  for (const load of [0.3, 0.6, 0.8]) {
    const durationS = 60_000
    const { recorder } = run({
      parallel: 1,
      machines: wholeMachine(() => serviceS),
      requests: traffic({ perSecond: load / serviceS, durationS }),
      durationS,
      warmupS: 1000,
    })
    const expected = (load * serviceS) / (2 * (1 - load))
    near(mean(recorder.queued), expected, 0.07)
  }
})

test('ServingSimulation waits as Pollaczek and Khinchine say for answers of any length', () => {
  const durationS = 500_000
  const values = [1, 2, 3, 10]
  const perSecond = 0.12
  const { recorder } = run({
    parallel: 1,
    requests: traffic({ perSecond, durationS, outputs: { kind: 'empirical', values } }),
    durationS,
    warmupS: 1000,
  })
  const squares = mean(values.map((value) => value * value))
  const load = perSecond * mean(values)
  near(mean(recorder.queued), (perSecond * squares) / (2 * (1 - load)), 0.07)
})

test('ServingSimulation keeps the law of Little and that of utilisation', () => {
  const durationS = 20_000
  const { simulation, recorder } = run({
    machines: wholeMachine(({ decodeSequences }) => 0.05 + 0.01 * decodeSequences),
    requests: traffic({
      perSecond: 2,
      durationS,
      prompts: { kind: 'lognormal', median: 200, sigma: 0.7 },
      outputs: { kind: 'lognormal', median: 20, sigma: 0.5 },
    }),
    durationS,
    warmupS: 2000,
  })
  const { load, throughput, latency, utilisation } = reportOf(simulation, recorder, {
    complete: true,
    seed: 1,
  })
  const population = load.waiting + load.running
  near(population, throughput.requestsPerSecond * (latency.endToEnd.mean ?? 0), 0.01)
  near(load.waiting, throughput.requestsPerSecond * (latency.queued.mean ?? 0), 0.02)
  const stepsPerSecond = recorder.sums.steps / (durationS - 2000)
  near(utilisation.head, stepsPerSecond * load.stepS, 1e-9)
  assert.ok(utilisation.head < 1)
})

test('ServingSimulation at its limit makes the tokens that full steps allow', () => {
  const durationS = 2000
  const { recorder } = run({
    parallel: 16,
    waitingMax: 64,
    machines: wholeMachine(() => 0.1),
    requests: traffic({ perSecond: 50, durationS, outputs: { kind: 'fixed', tokens: 100 } }),
    durationS,
    warmupS: 100,
  })
  near(recorder.sums.outputTokens / (durationS - 100), 16 / 0.1, 0.01)
  assert.ok(recorder.sums.rejected > 0)
})

test('ServingSimulation loses no request whatever comes', () => {
  const request = fc.record({
    arrivalS: fc.double({ min: 0, max: 20, noNaN: true }),
    promptTokens: fc.integer({ min: 1, max: 300 }),
    outputTokens: fc.integer({ min: 1, max: 30 }),
  })
  const shape = fc.record({
    parallel: fc.integer({ min: 1, max: 6 }),
    batch: fc.integer({ min: 6, max: 64 }),
    contextLength: fc.integer({ min: 20, max: 200 }),
    waitingMax: fc.integer({ min: 1, max: 5 }),
    sharedPrefix: fc.integer({ min: 0, max: 100 }),
  })
  fc.assert(
    fc.property(fc.array(request, { maxLength: 40 }), shape, (requests, limits) => {
      const sorted = requests.sort((a, b) => a.arrivalS - b.arrivalS)
      const { simulation, recorder } = run({
        ...limits,
        requests: replay(sorted, 1000),
        durationS: 1000,
      })
      const { arrived, waiting, running } = simulation.counts
      assert.deepEqual([arrived, waiting, running], [sorted.length, 0, 0])
      for (const record of recorder.records) {
        const { outcome, promptTokens, outputTokens, generatedTokens } = record
        const room = limits.contextLength - promptTokens
        if (outcome === 'finished') assert.equal(generatedTokens, Math.min(outputTokens, room))
        else assert.ok(outcome === 'rejected')
      }
    }),
    { numRuns: 60 },
  )
})

test('ServingSimulation replays the same events from the same seed', () => {
  const hash = (seed: number): string => {
    const outputs: Lengths = { kind: 'lognormal', median: 20, sigma: 1 }
    const requests = traffic({ perSecond: 1, durationS: 200, outputs, seed })
    return run({ requests, durationS: 200 }).simulation.hash
  }
  assert.equal(hash(7), hash(7))
  assert.notEqual(hash(7), hash(8))
})

test('ServingSimulation may stop anywhere and go on', () => {
  const options = () => ({ requests: traffic({ perSecond: 1, durationS: 100 }), durationS: 100 })
  const whole = run(options()).simulation
  const { simulation, recorder } = prepare(options())
  assert.ok(simulation.run(50))
  const { complete, requests, window } = reportOf(simulation, recorder, {
    complete: false,
    seed: 1,
  })
  assert.equal(complete, false)
  assert.ok(requests.arrived < whole.counts.arrived && window.toS < 100)
  while (simulation.run(7));
  assert.equal(simulation.hash, whole.hash)
})

test('ServingSimulation prefills in chunks and takes over a shared beginning', () => {
  const requests = [0, 100].map((arrivalS) => ({ arrivalS, promptTokens: 100, outputTokens: 2 }))
  const { recorder } = run({
    batch: 32,
    sharedPrefix: 80,
    requests: replay(requests, 1000),
    durationS: 1000,
  })
  const [first, second] = recorder.records
  // Four steps of at most 32 tokens for the prompt, one more for the second token.
  assert.equal(first?.firstTokenS, 4)
  assert.equal(first?.endedS, 5)
  assert.equal(second?.cachedTokens, 80)
  assert.equal(second?.firstTokenS, 101)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stepTimes } from '../../../src/plan/cost/step-time.js'
import { steadyRate } from '../../../src/sim/serving/arrivals.js'
import { closedForm, flowModel } from '../../../src/sim/serving/layer-network.js'
import {
  layOutFor,
  type PlanMachinesOptions,
  planMachines,
  roomForSequences,
} from '../../../src/sim/serving/plan-machines.js'
import { Traffic } from '../../../src/sim/serving/requests.js'
import { fleet, host, model } from '../../plan/cost/support.js'
import { mean, run } from './support.js'

const QWEN = model('qwen3-30b-a3b', 'q4_K')
const FLEET = fleet({
  head: host('rtx-5090', { nic: { bytesPerSecond: 12.5e9, transportS: 20e-6 } }),
  domains: [host('rtx-4090', { count: 8 })],
})
const OPTIONS: PlanMachinesOptions = {
  popularity: { kind: 'uniform' },
  knowsPopularity: false,
  hasOrigin: true,
  network: closedForm,
  faults: [],
  leaseS: 3,
  samples: 64,
  usualTokens: 32,
  seed: 1,
}
const CACHE = { parallel: 64, contextLength: 4096 }

function machines(options: Partial<PlanMachinesOptions> = {}) {
  const plan = layOutFor(QWEN, { fleet: FLEET, cache: CACHE })
  return planMachines(plan, { ...OPTIONS, ...options }).machines
}

test('planMachines takes as long for a step as the cost model says', () => {
  const estimate = stepTimes(QWEN, FLEET)
  const simulated = machines()
  for (const decodeSequences of [1, 8, 64, 256]) {
    const step = {
      ...{ prefillTokens: 0, decodeSequences, prefillContextTokens: 0 },
      contextTokens: 1000 * decodeSequences,
    }
    const seconds = mean(Array.from({ length: 50 }, () => simulated.cost(step).seconds))
    const expected = estimate({ prefillTokens: 0, decodeSequences, contextTokens: 1000 })
    // The model estimates the busiest domain, here it is drawn.
    assert.ok(Math.abs(seconds / expected - 1) < 0.05, `${seconds} is not near ${expected}`)
  }
})

test('planMachines overlaps with a flow model', () => {
  const step = {
    ...{ prefillTokens: 0, decodeSequences: 64, prefillContextTokens: 0 },
    contextTokens: 64_000,
  }
  const one = machines().cost(step)
  const flow = machines({ network: flowModel }).cost(step)
  assert.ok(flow.seconds <= one.seconds * 1.01)
})

test('layOutFor names what to lower when the KV cache has no room', () => {
  const contextLength = 32_768
  const most = roomForSequences(QWEN, { fleet: FLEET, contextLength, max: 256 })
  assert.ok(most >= 8 && most < 256, `${most}`)
  const cache = { parallel: 4096, contextLength }
  assert.throws(() => layOutFor(QWEN, { fleet: FLEET, cache }), /lower --parallel or --ctx/)
})

test('a fleet that works as one takes exactly the time of the cost model', () => {
  const rack = fleet({ layout: 'whole', head: host('h100-sxm', { cards: 8 }) })
  const { machines: whole, names } = planMachines(
    layOutFor(QWEN, { fleet: rack, cache: CACHE }),
    OPTIONS,
  )
  const { seconds, headS, domainS } = whole.cost({
    ...{ prefillTokens: 100, decodeSequences: 10, contextTokens: 10_000 },
    prefillContextTokens: 5050,
  })
  const load = { prefillTokens: 100, decodeSequences: 10, contextTokens: 1000 }
  assert.equal(seconds, stepTimes(QWEN, rack)({ ...load, promptContextTokens: 50.5 }))
  assert.equal(headS, seconds)
  assert.deepEqual([names.length, domainS.length], [0, 0])
})

test('a fleet that is always full makes as many tokens as the cost model says', () => {
  const [parallel, promptTokens, outputTokens, durationS] = [32, 8, 400, 300]
  const requests = new Traffic({
    rate: steadyRate(50),
    prompts: { kind: 'fixed', tokens: promptTokens },
    outputs: { kind: 'fixed', tokens: outputTokens },
    contextLength: 4096,
    durationS,
    seed: 1,
  })
  const { recorder } = run({
    ...{ parallel, requests, durationS, warmupS: 60, waitingMax: 100 },
    machines: machines(),
  })
  const load = { prefillTokens: 0, decodeSequences: parallel, contextTokens: outputTokens / 2 }
  const expected = parallel / stepTimes(QWEN, FLEET)(load)
  const perSecond = recorder.sums.outputTokens / (durationS - 60)
  assert.ok(Math.abs(perSecond / expected - 1) < 0.05, `${perSecond} is not near ${expected}`)
})

/** How long a search for the best fleet takes, and how much of that its pruning saves. */
import { defined } from '../src/base/assert.js'
import { median } from '../src/base/statistics.js'
import { modelWork } from '../src/plan/cost/model-work.js'
import { COST_OPTIONS } from '../src/plan/cost/options.js'
import { quickEstimate } from '../src/plan/cost/quick.js'
import { findBuiltinModel } from '../src/plan/model/builtin.js'
import { countFleets, fleetOf, groupsOf } from '../src/plan/search/candidates.js'
import type { Goal } from '../src/plan/search/goal.js'
import { searchFleets } from '../src/plan/search/search.js'
import { defaultSpace, type SearchSpace } from '../src/plan/search/space.js'
import type { Workload } from '../src/plan/workload.js'
import { type Benchmark, type BenchmarkOptions, judge, type Row, type Section } from './report.js'
import { now } from './support.js'

const HOSTS = [1, 2, 3, 4, 6, 8, 12, 16, 24]
const SECONDS_MAX = 5
const MS_PER_S = 1000

const CHAT: Workload = {
  name: 'chat',
  promptTokens: 1024,
  outputTokens: 256,
  batches: [1, 4, 16, 64, 256, 1024],
  ttftS: 10,
  tpotS: 0.2,
  utilisation: 0.8,
  cachedShare: 0,
}

const CASES: ReadonlyArray<{ readonly model: string; readonly goal: Goal }> = [
  { model: 'gpt-oss-120b', goal: { kind: 'fastest', measure: 'purchase', budgetUsd: 20_000 } },
  { model: 'deepseek-r1', goal: { kind: 'fastest', measure: 'hour', budgetUsd: 6 } },
  { model: 'qwen3-235b-a22b', goal: { kind: 'cheapest', measure: 'hour', tokensPerSecond: 300 } },
  { model: 'kimi-k2', goal: { kind: 'fastest', measure: 'purchase', budgetUsd: 1e6 } },
]

export const planSearch: Benchmark = {
  name: 'plan-search',
  about: 'the best of a hundred thousand fleets, with and without pruning',
  run: async (options) => [searches(options), everyFleet(options)],
}

function spaceFor(model: string): SearchSpace {
  return { ...defaultSpace(defined(findBuiltinModel(model), model)), hosts: HOSTS }
}

function searches({ rounds }: BenchmarkOptions): Section {
  const rows = CASES.map(({ model, goal }): Row => {
    const request = { space: spaceFor(model), goal, workload: CHAT }
    const runs = Array.from({ length: rounds }, () => timed(() => searchFleets(request)))
    const seconds = median(runs.map((run) => run.seconds))
    const { counts, front } = defined(runs[0], 'a round').result
    return {
      subject: `${model}, ${goal.kind}`,
      fleets: counts.fleets,
      estimates: counts.estimates,
      front: front.length,
      'seconds median': seconds,
      ...judge(seconds, { atMost: SECONDS_MAX }),
    }
  })
  return { title: 'plan-search: the best fleet of a space, one core', rows }
}

/** What the search would take if it asked the cost model of each fleet. */
function everyFleet({ rounds }: BenchmarkOptions): Section {
  const rows = CASES.map(({ model }): Row => {
    const space = spaceFor(model)
    const runs = Array.from({ length: Math.ceil(rounds / 2) }, () =>
      timed(() => estimateAll(space)),
    )
    const seconds = median(runs.map((run) => run.seconds))
    const fleets = defined(runs[0], 'a round').result
    return {
      subject: model,
      fleets,
      'seconds median': seconds,
      'us each': (seconds * 1e6) / fleets,
    }
  })
  return { title: 'plan-search: the cost model asked of every fleet, for comparison', rows }
}

function estimateAll(space: SearchSpace): number {
  const groups = groupsOf(space)
  const works = new Map(space.variants.map((one) => [one, modelWork(one.shape, COST_OPTIONS)]))
  for (const group of groups) {
    const { variant } = group
    const work = defined(works.get(variant), 'work of a variant')
    for (const ports of group.rows.flat()) {
      const fleet = fleetOf(space, group, ports)
      quickEstimate({ model: variant.shape, fleet, workload: CHAT, work })
    }
  }
  return countFleets(groups)
}

function timed<T>(run: () => T): { readonly seconds: number; readonly result: T } {
  const start = now()
  const result = run()
  return { seconds: (now() - start) / MS_PER_S, result }
}

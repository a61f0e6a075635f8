/** How far the racks of the map are from measured runs of the same cards. */
import { defined } from '../../src/base/assert.js'
import { findRack, type Rack } from '../../src/plan/catalog/racks.js'
import { EFFICIENCY } from '../../src/plan/cost/efficiency.js'
import { cardCount, MEASURED_RUNS, type MeasuredRun } from '../../src/plan/cost/measured.js'
import { predictRun } from '../../src/plan/cost/predict-run.js'
import type { Fleet } from '../../src/plan/fleet/fleet.js'
import type { ModelShape } from '../../src/plan/model/shape.js'
import { denseBatches } from '../../src/plan/report/offer.js'
import type { Workload } from '../../src/plan/workload.js'
import { type Point, pointsOf, wholeRack } from './offers.js'

export type RackCheck = {
  readonly id: string
  readonly rack: Rack
  readonly promptTokens: number
  /** All of prompt and answer, per second and card. */
  readonly measured: number
  /** The same of the map, for users as fast; undefined: it is never that fast. */
  readonly mapped?: number
  /** Between two tokens of a user as measured, and of the map with as many users to a card. */
  readonly speed?: { readonly measuredS: number; readonly mappedS: number }
  /** Tokens per second and card of the same model of costs, set up as the run was. */
  readonly alike?: number
}

/** Runs of DeepSeek-R1, by the rack of the map that has their cards. */
const RACKS: Readonly<Record<string, string>> = { gb200: 'gb200-nvl72', 'h100-sxm': '8xh100' }

/** Best throughput of 1,024 tokens in and out (InferenceX best-gpu-for-dsr1-inference.mdx). */
const BEST_RUNS = [
  { id: 'gb200-1k-best', rackId: 'gb200-nvl72', measured: 15_003 },
  { id: 'h100-sxm-1k-best', rackId: '8xh100', measured: 1376 },
] as const

/** Other runs of those lengths are judged by `BEST_RUNS`, or of another model. */
function isOwnRow({ id, model }: MeasuredRun): boolean {
  return model === 'deepseek-r1' && id !== 'gb200-1k-6144' && id !== 'h100-sxm-1k-4916'
}

type Asked = { readonly model: ModelShape; readonly workload: Workload }

export function rackChecks(asked: Asked): RackCheck[] {
  const measured = MEASURED_RUNS.filter(isOwnRow)
  const runs = measured.flatMap((run) => {
    const id = RACKS[run.card.id]
    return id === undefined ? [] : [checkOfRun(run, findRack(id), asked)]
  })
  const best = BEST_RUNS.map(({ id, rackId, measured }): RackCheck => {
    const map = new MapRack(findRack(rackId), asked)
    const { promptTokens } = asked.workload
    return { id, rack: map.rack, promptTokens, measured, ...map.fastAs(asked.workload.tpotS) }
  })
  return [...runs, ...best]
}

function checkOfRun(run: MeasuredRun, rack: Rack, { model, workload }: Asked): RackCheck {
  const { id, promptTokens, outputTokens, concurrency, tpotS } = run
  const map = new MapRack(rack, { model, workload: { ...workload, promptTokens, outputTokens } })
  return {
    ...{ id, rack, promptTokens, measured: run.totalTokensPerSecondPerCard },
    ...map.fastAs(tpotS),
    speed: { measuredS: tpotS, mappedS: map.tpotS(concurrency / cardCount(run)) },
    alike: predictRun(run, EFFICIENCY).totalTokensPerSecondPerCard,
  }
}

/** As the map has it, without its price. */
class MapRack {
  readonly rack: Rack
  readonly #asked: Asked
  readonly #fleet: Fleet
  readonly #cards: number

  constructor(rack: Rack, asked: Asked) {
    const { workload } = asked
    this.rack = rack
    this.#asked = asked
    const alone = { ...asked, workload: { ...workload, batches: [1] } }
    this.#fleet = wholeRack(rack, 'rent', alone)
    const { cards, count } = this.#fleet.head
    this.#cards = count * cards.reduce((sum, group) => sum + group.count, 0)
  }

  #points(batches: readonly number[]): Point[] {
    const { model, workload } = this.#asked
    return pointsOf(this.#fleet, { model, workload: { ...workload, batches } })
  }

  fastAs(tpotS: number): { mapped?: number } {
    const { promptTokens, outputTokens } = this.#asked.workload
    const point = this.#points(denseBatches(1)).findLast((one) => one.tpotS <= tpotS)
    if (point === undefined) return {}
    const total = (promptTokens + outputTokens) / outputTokens
    return { mapped: (point.outputTokensPerSecond * total) / this.#cards }
  }

  /** `users`: to a card. */
  tpotS(users: number): number {
    const batch = Math.max(1, Math.round(users * this.#cards))
    return defined(this.#points([batch])[0], `room for ${batch} users`).tpotS
  }
}

/** How much better the measured runs of a rack are than the map has it, and how much worse. */
export type Off = { readonly better: number; readonly worse: number }

/** Over runs with prompts as long as the map's. */
export function offBy(checks: readonly RackCheck[], rack: Rack, promptTokens: number): Off {
  const factors = checks
    .filter((one) => one.rack === rack && one.promptTokens === promptTokens)
    .flatMap(({ measured, mapped, speed }) => [
      ...(mapped === undefined ? [] : [measured / mapped]),
      ...(speed === undefined ? [] : [speed.mappedS / speed.measuredS]),
    ])
  return { better: Math.max(1, ...factors), worse: Math.max(1, ...factors.map((one) => 1 / one)) }
}

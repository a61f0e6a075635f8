/** How far the racks of the map are from measured runs of the same cards. */
import { findRack, type Rack } from '../../src/plan/catalog/racks.js'
import { EFFICIENCY } from '../../src/plan/cost/efficiency.js'
import { cardCount, MEASURED_RUNS, type MeasuredRun } from '../../src/plan/cost/measured.js'
import { predictRun } from '../../src/plan/cost/predict-run.js'
import { type Fleet, hostCards } from '../../src/plan/fleet/fleet.js'
import type { ModelShape } from '../../src/plan/model/shape.js'
import { denseBatches } from '../../src/plan/report/offer.js'
import type { Workload } from '../../src/plan/workload.js'
import { type Point, pointsOf, wholeRack } from './offers.js'

export type RackCheck = {
  readonly id: string
  readonly rack: Rack
  readonly model: ModelShape
  readonly promptTokens: number
  /** All of prompt and answer, per second and card. */
  readonly measured: number
  /** The same of the map, for users as fast; undefined: it is never that fast. */
  readonly mapped?: number
  /** Between two tokens of a user as measured. */
  readonly tpotS: number
  /** The same of the map with as many users to a card; undefined: they have no room. */
  readonly mappedS?: number
  /** Tokens per second and card of the same model of costs, set up as the run was. */
  readonly alike: number
}

/** By the cards of a run: the rack of the map that has them. */
const RACKS: Readonly<Record<string, string>> = { gb200: 'gb200-nvl72', 'h100-sxm': '8xh100' }

type Asked = { readonly model: ModelShape; readonly workload: Workload }

/** Runs of these models on cards of the racks. */
export function rackChecks(models: readonly ModelShape[], workload: Workload): RackCheck[] {
  return models.flatMap((model) =>
    MEASURED_RUNS.filter((run) => run.model === model.id).flatMap((run) => {
      const id = RACKS[run.card.id]
      return id === undefined ? [] : [checkOfRun(run, findRack(id), { model, workload })]
    }),
  )
}

function checkOfRun(run: MeasuredRun, rack: Rack, { model, workload }: Asked): RackCheck {
  const { id, promptTokens, outputTokens, concurrency, tpotS } = run
  const map = new MapRack(rack, { model, workload: { ...workload, promptTokens, outputTokens } })
  const mappedS = map.tpotS(concurrency / cardCount(run))
  return {
    ...{ id, rack, model, promptTokens, measured: run.totalTokensPerSecondPerCard, tpotS },
    ...map.fastAs(tpotS),
    ...(mappedS !== undefined && { mappedS }),
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
    const { head } = this.#fleet
    this.#cards = head.count * hostCards(head)
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
  tpotS(users: number): number | undefined {
    return this.#points([Math.max(1, Math.round(users * this.#cards))])[0]?.tpotS
  }
}

/**
 * By how much the measured runs of a rack are better than the map has it, and by how much worse than
 * the model of costs has them when it is set up as they were; at least 1.
 */
export type Off = { readonly better: number; readonly worse: number }

/** Over runs of the model with prompts as long as the workload's. */
export function offBy(checks: readonly RackCheck[], rack: Rack, { model, workload }: Asked): Off {
  const runs = checks
    .filter((one) => one.rack === rack && one.model.id === model.id)
    .filter(({ promptTokens }) => promptTokens === workload.promptTokens)
  const better = runs.flatMap(({ measured, mapped, tpotS, mappedS }) => [
    ...(mapped === undefined ? [] : [measured / mapped]),
    ...(mappedS === undefined ? [] : [mappedS / tpotS]),
  ])
  const worse = runs.map(({ measured, alike }) => alike / measured)
  return { better: Math.max(1, ...better), worse: Math.max(1, ...worse) }
}

/** Cards of the catalogue as those of a domain that computes experts, as the planner has them. */
import { devicesOf } from '../../plan/cost/machine.js'
import { modelWork } from '../../plan/cost/model-work.js'
import { COST_OPTIONS } from '../../plan/cost/options.js'
import { DEFAULT_HOST } from '../../plan/fleet/defaults.js'
import type { CardGroup } from '../../plan/fleet/fleet.js'
import type { ModelShape } from '../../plan/model/shape.js'
import type { ExpertCard } from './domain-compute.js'

export type MoeCard = ExpertCard & { readonly memoryBytes: number }

export type MoeCards = {
  readonly cards: readonly MoeCard[]
  /** Of each layer, beside arithmetic. */
  readonly callS: number
}

/** `group`: all that a domain has, in a host as a fleet file has it that says nothing of it. */
export function moeCards(group: CardGroup, shape: ModelShape): MoeCards {
  const host = { ...DEFAULT_HOST, cards: [group] }
  const work = modelWork(shape, COST_OPTIONS)
  const devices = devicesOf(host, work, COST_OPTIONS.efficiency)
  const cards = devices.flatMap(({ count, bytesPerSecond, expertFlops, memoryBytes }) => {
    const card = { bytesPerSecond, flopsPerSecond: expertFlops, memoryBytes }
    return new Array<MoeCard>(count).fill(card)
  })
  return { cards, callS: Math.max(...devices.map(({ layerS }) => layerS)) }
}

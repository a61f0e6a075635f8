/**
 * One step when every card has the trunk and a share of the experts: attention is data parallel,
 * each card for its own sequences, experts are parallel over the cards of a group.
 */
import type { Fleet } from '../fleet/fleet.js'
import { expertLoad } from './expert-step.js'
import { type PartTimes, type StepLoad, stepSeconds } from './load.js'
import type { Device, Machine } from './machine.js'
import type { ModelWork } from './model-work.js'
import type { CostOptions } from './options.js'
import type { WholePlacement } from './place-whole.js'
import { largestLoad } from './routing.js'
import { type TrunkRates, trunkTimes } from './trunk-step.js'
import { fasterOfTurns } from './turns.js'

export type WholePlan = {
  readonly layout: 'whole'
  readonly work: ModelWork
  readonly fleet: Fleet
  readonly options: CostOptions
  readonly placement: WholePlacement
  /** Of one card: the slowest in each respect, as all wait for each other in every layer. */
  readonly trunk: TrunkRates
  readonly expertFlops: number
  readonly linkBytesPerSecond: number
  readonly nicBytesPerSecond: number
  /** One way over the network, between cards that no link joins. */
  readonly networkS: number
}

export function wholePlan(
  given: Pick<WholePlan, 'work' | 'fleet' | 'options' | 'placement'>,
): WholePlan {
  const machines = given.placement.sites.map(({ machine }) => machine)
  const devices = machines.flatMap((machine) => machine.devices)
  const slowest = (of: (device: Device) => number): number => Math.min(...devices.map(of))
  const transportS = Math.max(...machines.map(({ host }) => host.nic.transportS))
  return {
    ...given,
    layout: 'whole',
    trunk: {
      bytesPerSecond: slowest(({ bytesPerSecond }) => bytesPerSecond),
      trunkFlops: slowest(({ trunkFlops }) => trunkFlops),
      cacheFlops: slowest(({ cacheFlops }) => cacheFlops),
      layerS: Math.max(...devices.map(({ layerS }) => layerS)),
    },
    expertFlops: slowest(({ expertFlops }) => expertFlops),
    linkBytesPerSecond: slowest((device) => linkRate(device, given.options)),
    nicBytesPerSecond: Math.min(...machines.map(nicOfCard)),
    networkS: 2 * transportS + given.fleet.switch.latencyS,
  }
}

function linkRate({ card, linkBytesPerSecond }: Device, { efficiency }: CostOptions): number {
  const scaleUp = card?.scaleUp
  if (scaleUp !== undefined) return scaleUp.bandwidth.value * efficiency.scaleUpShare
  // Without a way between cards every byte goes through the host's memory.
  return card?.peerToPeer === true ? linkBytesPerSecond : linkBytesPerSecond / 2
}

function nicOfCard({ nicBytesPerSecond, deviceCount }: Machine): number {
  return nicBytesPerSecond / deviceCount
}

export function wholeStep(plan: WholePlan, load: StepLoad): PartTimes {
  const timesOf = (some: StepLoad): PartTimes => cardTimes(plan, some)
  if (plan.options.microBatches === 1) return timesOf(load)
  return fasterOfTurns(timesOf, load, { layers: plan.work.shape.layers, places: placesOf })
}

/** The cards, and the links between them. */
function placesOf(half: PartTimes): number[] {
  const links = half.dispatch + half.combine
  return [stepSeconds(half) - links, links]
}

function cardTimes(plan: WholePlan, load: StepLoad): PartTimes {
  const { work, fleet, options, placement, trunk } = plan
  const { groups, groupCards } = placement
  const { moeLayers } = work.shape
  // A sequence is not divided: some card has at least one.
  const ofGroup = Math.max(Math.min(1, load.decodeSequences), load.decodeSequences / groups)
  const ofCard = Math.max(Math.min(1, ofGroup), ofGroup / groupCards)
  const tokensEach = 1 + (options.drafts?.tokens ?? 0)
  const prefillTokens = load.prefillTokens / (groups * groupCards)
  const cardTokens = prefillTokens + ofCard * tokensEach
  const groupTokens = prefillTokens * groupCards + ofGroup * tokensEach
  const times = trunkTimes(work, trunk, {
    tokens: cardTokens,
    prefillTokens,
    sequences: ofCard,
    contextTokens: load.contextTokens,
    promptContextTokens: load.promptContextTokens ?? load.contextTokens,
    outputs: ofCard * tokensEach + Math.min(1, prefillTokens),
  })
  const wire = (bytesPerValue: number): number =>
    moeLayers * exchangeS(plan, { cardTokens, bytesPerValue })
  times.experts = moeLayers * cardExpertsS(plan, groupTokens)
  times.dispatch = wire(fleet.dispatchBytesPerValue)
  times.combine = wire(fleet.combineBytesPerValue)
  return times
}

function cardExpertsS(
  { work, fleet, placement, trunk, expertFlops }: WholePlan,
  tokens: number,
): number {
  const { groupCards } = placement
  const asked = expertLoad(work.routing, { tokens, bins: groupCards, replicas: fleet.replicas })
  const bytes = (asked.distinct * asked.readSkew * work.pageBytes) / groupCards
  const flops = (asked.pairs * asked.pairSkew * work.pageFlops) / groupCards
  return Math.max(bytes / trunk.bytesPerSecond, flops / expertFlops)
}

/**
 * All-to-all of one layer in one direction: a copy for each other card over the link, and before it
 * one for each other set of linked cards over the network.
 */
function exchangeS(
  plan: WholePlan,
  { cardTokens, bytesPerValue }: { cardTokens: number; bytesPerValue: number },
): number {
  const { work, placement, options } = plan
  const { groupCards, linkedCards } = placement
  if (groupCards === 1) return 0
  const bytes = work.shape.hidden * bytesPerValue
  const copiesTo = (holders: number): number =>
    (holders - 1) * work.routing.holderChance(1 / holders)
  const received = largestLoad(cardTokens * copiesTo(groupCards), groupCards)
  const linkS = options.efficiency.scaleUpHopS + (received * bytes) / plan.linkBytesPerSecond
  const sets = groupCards / linkedCards
  if (sets <= 1) return linkS
  const overNetwork = largestLoad(cardTokens * copiesTo(sets), groupCards)
  return linkS + plan.networkS + (overNetwork * bytes) / plan.nicBytesPerSecond
}

/**
 * One step when the head has the trunk and domains the experts. A layer is a chain: trunk,
 * dispatch, experts, combine; one batch goes through it link by link, two take turns.
 */
import type { Fleet } from '../fleet/fleet.js'
import { type ExpertRates, expertLoad, expertRates, siteExpertsS } from './expert-step.js'
import { type PartTimes, type StepLoad, stepSeconds } from './load.js'
import type { Machine } from './machine.js'
import type { ModelWork } from './model-work.js'
import type { CostOptions } from './options.js'
import type { Placement } from './placement.js'
import { largestLoad } from './routing.js'
import { headRates, type TrunkRates, trunkTimes } from './trunk-step.js'
import { fasterOfTurns } from './turns.js'

/** What stays the same from step to step. */
export type ApartPlan = {
  readonly layout: 'apart'
  readonly work: ModelWork
  readonly fleet: Fleet
  readonly options: CostOptions
  readonly head: Machine
  readonly placement: Placement
  readonly trunk: TrunkRates
  readonly sites: readonly ApartSite[]
  /** Devices that hold experts. */
  readonly bins: number
  readonly remoteHosts: number
  /** Hosts behind the network that a token goes to, on average. */
  readonly copies: number
}

export type ApartSite = ExpertRates & {
  /** Chance that a token needs one such host, or one device of it. */
  readonly chance: number
  readonly deviceChance: number
}

export function apartPlan(
  given: Pick<ApartPlan, 'work' | 'fleet' | 'options' | 'head' | 'placement'>,
): ApartPlan {
  const { work, options, head, placement } = given
  const { efficiency, headSplit } = options
  const sites = placement.sites.map((site) => ({
    ...expertRates(site),
    chance: work.routing.holderChance(site.share),
    deviceChance: work.routing.holderChance(site.share / site.machine.deviceCount),
  }))
  const onDevice = placement.trunk.device / work.trunkBytes
  const remote = sites.filter(({ site }) => !site.isLocal)
  return {
    ...given,
    layout: 'apart',
    trunk: headRates(head, { onDevice, headSplit, efficiency }),
    sites,
    bins: sites.reduce((sum, { site }) => sum + site.count * site.machine.deviceCount, 0),
    remoteHosts: remote.reduce((sum, { site }) => sum + site.count, 0),
    copies: remote.reduce((sum, { site, chance }) => sum + site.count * chance, 0),
  }
}

export function apartStep(plan: ApartPlan, load: StepLoad): PartTimes {
  const timesOf = (some: StepLoad): PartTimes => chainTimes(plan, some)
  if (plan.options.microBatches !== 2) return timesOf(load)
  return fasterOfTurns(timesOf, load, { layers: plan.work.shape.layers, places: placesOf })
}

/** Head, domains, and the two directions of the network. */
function placesOf(half: PartTimes): number[] {
  const { experts, dispatch, combine } = half
  return [stepSeconds(half) - experts - dispatch - combine, experts, dispatch, combine]
}

function chainTimes(plan: ApartPlan, load: StepLoad): PartTimes {
  const { work, fleet, options, sites, bins } = plan
  const { moeLayers } = work.shape
  const drafted = load.decodeSequences * (1 + (options.drafts?.tokens ?? 0))
  const tokens = load.prefillTokens + drafted
  const times = trunkTimes(work, plan.trunk, {
    tokens,
    prefillTokens: load.prefillTokens,
    sequences: load.decodeSequences,
    contextTokens: load.contextTokens,
    promptContextTokens: load.promptContextTokens ?? load.contextTokens,
    outputs: drafted + (load.prefillTokens > 0 ? 1 : 0),
  })
  const asked = expertLoad(work.routing, { tokens, bins, replicas: fleet.replicas })
  let experts = 0
  let layerS = 0
  for (const site of sites) {
    experts = Math.max(experts, siteExpertsS(work, site, asked))
    if (!site.site.isLocal) layerS = Math.max(layerS, site.site.machine.layerS)
  }
  const wire = (bytesPerValue: number): number =>
    wireSeconds(wireTimes(plan, { tokens, bytesPerValue }))
  times.experts = moeLayers * experts
  times.dispatch = moeLayers * wire(fleet.dispatchBytesPerValue)
  times.combine = moeLayers * wire(fleet.combineBytesPerValue)
  // A second host starts kernels in every layer.
  times.overhead += moeLayers * layerS
  return times
}

/** Of one layer and direction. */
export type WireTimes = {
  /** All copies through the head's NIC: where the answers of all domains meet. */
  readonly headS: number
  /** Through the busiest domain's. */
  readonly domainS: number
  /** Between cards and their hosts' memory, at both ends. */
  readonly linkS: number
  readonly latencyS: number
}

/** Ports work at the same time, copies between card and host do not. */
function wireSeconds({ headS, domainS, linkS, latencyS }: WireTimes): number {
  return Math.max(headS, domainS) + linkS + latencyS
}

/** A token goes once to each host that holds one of its experts, and one sum comes back. */
function wireTimes(
  plan: ApartPlan,
  { tokens, bytesPerValue }: { readonly tokens: number; readonly bytesPerValue: number },
): WireTimes {
  const { head, fleet, work, options } = plan
  const bytes = work.shape.hidden * bytesPerValue
  let domainS = 0
  let linkS = 0
  let transportS = 0
  for (const { site, chance, deviceChance } of plan.sites) {
    const { machine } = site
    const busiest = Math.min(tokens, largestLoad(tokens * deviceChance, plan.bins))
    const deviceLink = machine.linkBytesPerSecond / machine.deviceCount
    linkS = Math.max(linkS, (busiest * bytes) / deviceLink)
    if (site.isLocal) continue
    const received = Math.min(tokens, largestLoad(tokens * chance, plan.remoteHosts))
    domainS = Math.max(domainS, (received * bytes) / machine.nicBytesPerSecond)
    transportS = Math.max(transportS, machine.host.nic.transportS)
  }
  const isRemote = plan.remoteHosts > 0
  const hops = Number.isFinite(head.linkBytesPerSecond) ? 2 : 0
  const headLink = head.linkBytesPerSecond / head.deviceCount
  const network = isRemote ? head.host.nic.transportS + transportS + fleet.switch.latencyS : 0
  return {
    headS: (tokens * plan.copies * bytes) / head.nicBytesPerSecond,
    domainS,
    linkS: linkS + (tokens * bytes) / headLink,
    latencyS: network + hops * options.efficiency.hostHopS,
  }
}

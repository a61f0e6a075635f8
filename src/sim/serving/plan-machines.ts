/**
 * Machines of a simulation as the planner's cost model sees a fleet: trunk and experts take what it
 * says they take; which domain gets how much of each layer, and what waits for what, is simulated.
 */
import { SputnikError } from '../../base/errors.js'
import type { ApartPlan, ApartSite } from '../../plan/cost/apart-step.js'
import { type CostPlan, isPlan, layOut, stepParts } from '../../plan/cost/cost-plan.js'
import { siteExpertsS } from '../../plan/cost/expert-step.js'
import { type StepLoad, stepSeconds } from '../../plan/cost/load.js'
import { COST_OPTIONS, type CostOptions } from '../../plan/cost/options.js'
import { largestLoad } from '../../plan/cost/routing.js'
import { trunkTimes } from '../../plan/cost/trunk-step.js'
import type { Fleet } from '../../plan/fleet/fleet.js'
import type { ModelShape } from '../../plan/model/shape.js'
import type { Fault } from './faults.js'
import { FleetMachines, type SimDomain } from './fleet-machines.js'
import type { DomainLoad } from './layer-costs.js'
import type { LayerNetwork, Links } from './layer-network.js'
import { type Machines, wholeMachine } from './machines.js'
import type { Popularity } from './popularity.js'
import { type StepShape, tokensOf } from './step-time.js'

/** Room for keys and values of so many sequences, each of so many tokens. */
export type CacheNeed = { readonly parallel: number; readonly contextLength: number }

/** @throws SputnikError PLAN_DOES_NOT_FIT */
export function layOutFor(
  model: ModelShape,
  { fleet, cache, options = COST_OPTIONS }: LayOutOptions,
): CostPlan {
  const result = tryLayOut(model, { fleet, cache, options })
  if (isPlan(result)) return result
  const { text, remedy, where, missingBytes } = result
  const { parallel, contextLength } = cache
  const size = `${parallel} sequences of ${contextLength} tokens`
  const less = 'or lower --parallel or --ctx'
  const all = `${text} (for ${size}); ${remedy}, ${less}`
  throw new SputnikError('PLAN_DOES_NOT_FIT', all, { where, missingBytes })
}

type LayOutOptions = {
  readonly fleet: Fleet
  readonly cache: CacheNeed
  readonly options?: CostOptions
}

function tryLayOut(model: ModelShape, { fleet, cache, options = COST_OPTIONS }: LayOutOptions) {
  const { parallel: sequences, contextLength: contextTokens } = cache
  return layOut({ model, fleet, options, sequences, contextTokens })
}

/**
 * The most sequences, a power of two, whose keys and values have room beside the trunk on the
 * head's cards, or in its host memory where the trunk alone has none on cards; at least 1.
 */
export function roomForSequences(
  model: ModelShape,
  { fleet, contextLength, max }: { fleet: Fleet; contextLength: number; max: number },
): number {
  const fits = (parallel: number): CostPlan | undefined => {
    const result = tryLayOut(model, { fleet, cache: { parallel, contextLength } })
    return isPlan(result) ? result : undefined
  }
  const one = fits(1)
  const needsCards = one !== undefined && isOnCards(one)
  for (let parallel = max; parallel > 1; parallel /= 2) {
    const plan = fits(parallel)
    if (plan !== undefined && (!needsCards || isOnCards(plan))) return parallel
  }
  return 1
}

/** Whether steps read nothing of the trunk and the cache from host memory. */
function isOnCards({ placement }: CostPlan): boolean {
  return placement.trunk.ram + placement.trunk.disk === 0
}

export type PlanMachinesOptions = {
  readonly popularity: Popularity
  readonly knowsPopularity: boolean
  readonly hasOrigin: boolean
  readonly network: (links: Links) => LayerNetwork
  readonly faults: readonly Fault[]
  readonly leaseS: number
  readonly samples: number
  readonly usualTokens: number
  readonly seed: number
}

/** Host names of the domains, in the order of their ids. */
export type PlannedMachines = {
  readonly machines: Machines
  readonly names: readonly string[]
  /** Trunk and KV cache lie on cards, all of them. */
  readonly isOnCards: boolean
  /** Undefined for a fleet that works as one machine. */
  readonly headBytesPerSecond?: number
}

/** @throws SputnikError PLACEMENT_FULL */
export function planMachines(plan: CostPlan, options: PlanMachinesOptions): PlannedMachines {
  if (plan.layout === 'whole') {
    const machines = wholeMachine((step) => stepSeconds(stepParts(plan, loadOf(step))))
    return { machines, names: [], isOnCards: isOnCards(plan) }
  }
  const hosts = hostsOf(plan)
  const { work, fleet, head } = plan
  const { hidden, moeLayers, experts, expertsUsed } = work.shape
  const dispatchRowBytes = hidden * fleet.dispatchBytesPerValue
  const combineRowBytes = hidden * fleet.combineBytesPerValue
  const headBytesPerSecond = head.nicBytesPerSecond
  const region = { experts, pageBytes: work.pageBytes, flopsPerPair: work.pageFlops }
  const machines = new FleetMachines({
    ...options,
    regions: new Array<typeof region>(moeLayers).fill(region),
    expertsUsed,
    domains: hosts.map((host, id) => domainOf(host, { id, plan })),
    replicas: fleet.replicas,
    ...{ headBytesPerSecond, dispatchRowBytes, combineRowBytes },
    trunkS: (step) => trunkSeconds(plan, step, dispatchRowBytes + combineRowBytes),
    computeS: (id, load) => {
      const site = hosts[id]
      return site === undefined ? 0 : computeSeconds(plan, site, load)
    },
    network: options.network(linksOf(plan, hosts)),
  })
  const names = hosts.map(({ site }) => site.machine.host.name)
  return { machines, names, isOnCards: isOnCards(plan), headBytesPerSecond }
}

function loadOf(step: StepShape): Required<StepLoad> {
  const { prefillTokens, decodeSequences, contextTokens, prefillContextTokens } = step
  return {
    prefillTokens,
    decodeSequences,
    contextTokens: contextTokens / Math.max(1, decodeSequences),
    promptContextTokens: prefillContextTokens / Math.max(1, prefillTokens),
  }
}

/** One for each host that holds pages. */
function hostsOf(plan: ApartPlan): ApartSite[] {
  return plan.sites.flatMap((site) => new Array<ApartSite>(site.site.count).fill(site))
}

function domainOf({ site }: ApartSite, { id, plan }: { id: number; plan: ApartPlan }): SimDomain {
  const { machine, isLocal, pages } = site
  const { devices, host } = machine
  const spareBytes = SPARE_PAGES * plan.work.pageBytes
  const cards = devices.flatMap(({ count, memoryBytes, expertFlops, bytesPerSecond }) => {
    const speed = { flopsPerSecond: expertFlops, bytesPerSecond }
    return new Array<SimDomain['cards'][number]>(count).fill({ memoryBytes, speed })
  })
  const slow = [
    { bytes: pages.ram, bytesPerSecond: machine.ramBytesPerSecond },
    { bytes: pages.disk, bytesPerSecond: machine.diskBytesPerSecond },
  ].filter(({ bytes }) => bytes > 0)
  const others = slow.map(({ bytes, bytesPerSecond }) => ({
    memoryBytes: bytes + spareBytes,
    speed: { flopsPerSecond: machine.cpuFlops, bytesPerSecond },
  }))
  // The head's cards lend what trunk and cache leave.
  const lent = cards
    .slice(0, 1)
    .map(({ speed }) => ({ memoryBytes: pages.device + spareBytes, speed }))
  return {
    id,
    cards: [...(isLocal ? lent : cards), ...others],
    isLocal,
    nicBytesPerSecond: machine.nicBytesPerSecond,
    diskBytesPerSecond: host.diskBytesPerSecond,
  }
}

/** The plan shares bytes out, here whole pages need room. */
const SPARE_PAGES = 8

function linksOf(plan: ApartPlan, hosts: readonly ApartSite[]): Links {
  const { head, fleet, options } = plan
  const remote = hosts.filter(({ site }) => !site.isLocal)
  const transportS = Math.max(0, ...remote.map(({ site }) => site.machine.host.nic.transportS))
  const hops = Number.isFinite(head.linkBytesPerSecond) ? 2 : 0
  return {
    headBytesPerSecond: head.nicBytesPerSecond,
    domainBytesPerSecond: hosts.map(({ site }) => site.machine.nicBytesPerSecond),
    latencyS:
      head.host.nic.transportS +
      transportS +
      fleet.switch.latencyS +
      hops * options.efficiency.hostHopS,
    bufferBytes: fleet.switch.bufferBytes,
  }
}

/** @param rowBytes of a token that leaves the head's cards and comes back to them */
function trunkSeconds({ work, trunk, head }: ApartPlan, step: StepShape, rowBytes: number): number {
  const tokens = tokensOf(step)
  const { prefillTokens, decodeSequences, contextTokens, promptContextTokens } = loadOf(step)
  const times = trunkTimes(work, trunk, {
    tokens,
    prefillTokens,
    sequences: decodeSequences,
    contextTokens,
    promptContextTokens,
    outputs: decodeSequences + Number(prefillTokens > 0),
  })
  const link = head.linkBytesPerSecond / head.deviceCount
  return stepSeconds(times) + (work.shape.moeLayers * tokens * rowBytes) / link
}

/** Cards of a host share its experts as chance has it. */
function computeSeconds(plan: ApartPlan, host: ApartSite, load: DomainLoad): number {
  const { copies, pairs, experts } = load
  const { machine, share, isLocal } = host.site
  const { deviceCount, linkBytesPerSecond } = machine
  const skew = (sum: number): number => {
    const mean = sum / deviceCount
    return sum === 0 ? 1 : Math.min(sum, largestLoad(mean, deviceCount)) / mean
  }
  const seconds = siteExpertsS(plan.work, host, {
    distinct: experts / share,
    pairs: pairs / share,
    readSkew: skew(experts),
    pairSkew: skew(pairs),
  })
  const { dispatchBytesPerValue, combineBytesPerValue } = plan.fleet
  const bytes = copies * plan.work.shape.hidden * (dispatchBytesPerValue + combineBytesPerValue)
  return seconds + bytes / linkBytesPerSecond + (isLocal ? 0 : machine.layerS)
}

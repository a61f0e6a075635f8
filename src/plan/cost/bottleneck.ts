/** What limits a step: the resource that would shorten it most if there were twice as much. */
import type { ApartPlan } from './apart-step.js'
import { type CostPlan, stepParts } from './cost-plan.js'
import { PARTS, type Part, type PartTimes, type StepLoad, stepSeconds } from './load.js'
import type { Machine } from './machine.js'
import type { WholePlan } from './whole-step.js'

export type Bottleneck = {
  readonly resource: string
  /** Part of the step that twice as much of it would save, 0 to 1. */
  readonly saves: number
}

type Doubling<Plan> = readonly [resource: string, double: (plan: Plan) => CostPlan]

export const HEAD_NIC = "the head's NIC"

const APART: readonly Doubling<ApartPlan>[] = [
  ["memory bandwidth of the head's cards", (plan) => trunk(plan, { bytesPerSecond: 2 })],
  ["arithmetic of the head's cards", (plan) => trunk(plan, { trunkFlops: 2, cacheFlops: 2 })],
  ['memory bandwidth of the cards with experts', (plan) => holders(plan, { bytesPerSecond: 2 })],
  ['arithmetic of the cards with experts', (plan) => holders(plan, { expertFlops: 2 })],
  [HEAD_NIC, (plan) => head(plan, { nicBytesPerSecond: 2 })],
  ['the NIC of each domain', (plan) => holders(plan, { nicBytesPerSecond: 2 })],
  [
    'the NICs of head and domains',
    (plan) => holders(head(plan, { nicBytesPerSecond: 2 }), { nicBytesPerSecond: 2 }),
  ],
  [
    'the link between card and host',
    (plan) => holders(head(plan, { linkBytesPerSecond: 2 }), { linkBytesPerSecond: 2 }),
  ],
  ["arithmetic of the hosts' processors", (plan) => holders(plan, { cpuFlops: 2 })],
  ['host memory that holds pages', (plan) => holders(plan, { ramBytesPerSecond: 2 })],
  ['disks that hold pages', (plan) => holders(plan, { diskBytesPerSecond: 2 })],
  ['latency of hops and kernel starts', haste],
]

const WHOLE: readonly Doubling<WholePlan>[] = [
  ['memory bandwidth of the cards', (plan) => trunk(plan, { bytesPerSecond: 2 })],
  [
    'arithmetic of the cards',
    (plan) => ({
      ...trunk(plan, { trunkFlops: 2, cacheFlops: 2 }),
      expertFlops: 2 * plan.expertFlops,
    }),
  ],
  ['the scale-up link', (plan) => ({ ...plan, linkBytesPerSecond: 2 * plan.linkBytesPerSecond })],
  ['the NIC of each host', (plan) => ({ ...plan, nicBytesPerSecond: 2 * plan.nicBytesPerSecond })],
  [
    'latency of hops and kernel starts',
    (plan) => swiftHops({ ...trunk(plan, { layerS: 1 / 2 }), networkS: plan.networkS / 2 }),
  ],
]

/** Two resources must both grow where either alone saves nothing: then they are named together. */
const CLEARLY_MORE = 1.02

export function bottleneckOf(plan: CostPlan, load: StepLoad): Bottleneck {
  return largestSaving(stepSeconds(stepParts(plan, load)), {
    options: withMore(plan, load),
    secondsOf: stepSeconds,
  })
}

/** What holds up each part of a step by itself; parts that take no time are left out. */
export function partBottlenecks(
  plan: CostPlan,
  load: StepLoad,
): { readonly [part in Part]?: Bottleneck } {
  const before = stepParts(plan, load)
  const options = withMore(plan, load)
  return Object.fromEntries(
    PARTS.filter((part) => before[part] > 0).map((part) => [
      part,
      largestSaving(before[part], { options, secondsOf: (times) => times[part] }),
    ]),
  )
}

type Option = { readonly resource: string; readonly times: PartTimes }

/** The step with twice as much of each resource. */
function withMore(plan: CostPlan, load: StepLoad): Option[] {
  return plan.layout === 'apart'
    ? APART.map(([resource, double]) => ({ resource, times: stepParts(double(plan), load) }))
    : WHOLE.map(([resource, double]) => ({ resource, times: stepParts(double(plan), load) }))
}

function largestSaving(
  before: number,
  given: {
    readonly options: readonly Option[]
    readonly secondsOf: (times: PartTimes) => number
  },
): Bottleneck {
  return given.options
    .map(({ resource, times }) => ({ resource, saves: 1 - given.secondsOf(times) / before }))
    .reduce((worst, one) => (one.saves > worst.saves * CLEARLY_MORE ? one : worst))
}

type Factors<T> = { readonly [key in keyof T]?: number }

function times<T extends object>(rates: T, factors: Factors<T>): T {
  const scaled = { ...rates }
  for (const key of Object.keys(factors) as (keyof T)[]) {
    const value = rates[key]
    if (typeof value === 'number') Object.assign(scaled, { [key]: value * (factors[key] ?? 1) })
  }
  return scaled
}

function trunk<Plan extends CostPlan>(plan: Plan, factors: Factors<Plan['trunk']>): Plan {
  return { ...plan, trunk: times(plan.trunk, factors) }
}

function head(plan: ApartPlan, factors: Factors<Machine>): ApartPlan {
  return { ...plan, head: times(plan.head, factors) }
}

function holders(plan: ApartPlan, factors: Factors<Machine>): ApartPlan {
  const sites = plan.sites.map((one) => ({
    ...one,
    site: { ...one.site, machine: times(one.site.machine, factors) },
  }))
  return { ...plan, sites }
}

/** Half the latency of all that does not depend on bytes and FLOPs. */
function haste(plan: ApartPlan): ApartPlan {
  const swift = (machine: Machine): Machine => ({
    ...machine,
    layerS: machine.layerS / 2,
    host: { ...machine.host, nic: times(machine.host.nic, { transportS: 1 / 2 }) },
  })
  const sites = plan.sites.map((one) => ({
    ...one,
    site: { ...one.site, machine: swift(one.site.machine) },
  }))
  const fleet = { ...plan.fleet, switch: times(plan.fleet.switch, { latencyS: 1 / 2 }) }
  const halved = { ...trunk(plan, { layerS: 1 / 2 }), head: swift(plan.head), sites, fleet }
  return swiftHops(halved)
}

function swiftHops<Plan extends CostPlan>(plan: Plan): Plan {
  const efficiency = times(plan.options.efficiency, { hostHopS: 1 / 2, scaleUpHopS: 1 / 2 })
  return { ...plan, options: { ...plan.options, efficiency } }
}

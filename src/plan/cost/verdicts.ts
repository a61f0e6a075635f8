/** Where a plan should say no, or not like this, with the numbers that say so. */
import type { Fleet, Host } from '../fleet/fleet.js'
import { duration } from '../numbers.js'
import { bottleneckOf, HEAD_NIC } from './bottleneck.js'
import type { CostPlan } from './cost-plan.js'
import { steadyLoad } from './figures.js'
import { type Candidate, type QuickEstimate, quickEstimate } from './quick.js'
import { portTokensPerSecond } from './wire.js'

export type Verdict = {
  readonly kind: 'dead-zone' | 'one-box' | 'slow-pages' | 'misses-limits'
  readonly text: string
  readonly numbers: { readonly [name: string]: number }
}

/** A candidate as it was laid out, and what that reaches. */
type Found = { readonly plan: CostPlan; readonly quick: QuickEstimate }

export function verdictsFor(candidate: Candidate, found: Found): Verdict[] {
  const { plan, quick } = found
  return [
    deadZone(candidate, found),
    oneBox(candidate, quick),
    slowPages(plan),
    missesLimits(candidate, quick),
  ].filter((verdict) => verdict !== undefined)
}

/** Half as many domains again should bring more than this share of throughput. */
const HARDLY_MORE = 1.05

/**
 * The region in which more domains do not help because the head's port is full, as Baidu found of
 * separated experts on ordinary clusters (arXiv 2602.09721).
 */
function deadZone(candidate: Candidate, { plan, quick }: Found): Verdict | undefined {
  if (plan.layout !== 'apart' || plan.remoteHosts === 0) return undefined
  const capTokensPerSecond = headCap(plan)
  const { outputTokensPerSecond, batch } = quick.best ?? quick.smallest
  const { promptTokens, outputTokens, cachedShare } = candidate.workload
  const carried = outputTokensPerSecond * (1 + (promptTokens * (1 - cachedShare)) / outputTokens)
  const grown = quickEstimate({ ...candidate, fleet: moreDomains(candidate.fleet) })
  if (!grown.fits) return undefined
  const gain = (grown.best ?? grown.smallest).outputTokensPerSecond / outputTokensPerSecond
  const capShare = carried / capTokensPerSecond
  const { resource } = bottleneckOf(plan, steadyLoad(plan, candidate.workload, batch))
  if (gain > HARDLY_MORE || resource !== HEAD_NIC) return undefined
  const text =
    `more domains do not help: the head's NIC carries at most ` +
    `${Math.round(capTokensPerSecond)} tokens/s (prompt and answer; now ` +
    `${Math.round(carried)}), and half as many domains again change throughput by a factor of ` +
    gain.toFixed(2)
  return { kind: 'dead-zone', text, numbers: { capTokensPerSecond, capShare, gain, batch } }
}

/** Tokens per second that the head's NIC carries in the fuller direction. */
function headCap(plan: Extract<CostPlan, { layout: 'apart' }>): number {
  const { dispatchBytesPerValue, combineBytesPerValue } = plan.fleet
  const { hidden, moeLayers: layers } = plan.work.shape
  return portTokensPerSecond(
    { hidden, copies: plan.copies, dispatchBytesPerValue, combineBytesPerValue },
    { bytesPerSecond: plan.head.nicBytesPerSecond, layers },
  )
}

function moreDomains(fleet: Fleet): Fleet {
  const domains = fleet.domains.map((host) => ({ ...host, count: Math.ceil(host.count * 1.5) }))
  return { ...fleet, domains }
}

/** One user alone: does one of the hosts do as well with the whole model as all together? */
function oneBox(candidate: Candidate, quick: QuickEstimate): Verdict | undefined {
  const { fleet, workload } = candidate
  if (fleet.domains.length === 0 || fleet.layout === 'whole') return undefined
  const alone = { ...workload, batches: [1] }
  const together = quickEstimate({ ...candidate, workload: alone })
  if (!together.fits) return undefined
  let best: { readonly host: Host; readonly tpotS: number } | undefined
  for (const host of [fleet.head, ...fleet.domains]) {
    const box = quickEstimate({ ...candidate, workload: alone, fleet: boxOf(fleet, host) })
    if (!box.fits || box.smallest.tpotS >= (best?.tpotS ?? Number.POSITIVE_INFINITY)) continue
    best = { host, tpotS: box.smallest.tpotS }
  }
  const fleetTpotS = together.smallest.tpotS
  if (best === undefined || best.tpotS > fleetTpotS) return undefined
  const text =
    `for one user at a time ${best.host.name} alone is faster: ${duration(best.tpotS)} a ` +
    `token against ${duration(fleetTpotS)} of the fleet`
  const numbers = { boxTpotS: best.tpotS, fleetTpotS, maxBatch: quick.maxBatch }
  return { kind: 'one-box', text, numbers }
}

function boxOf(fleet: Fleet, host: Host): Fleet {
  return { ...fleet, head: { ...host, count: 1 }, domains: [], replicas: 1 }
}

function slowPages({ placement }: CostPlan): Verdict | undefined {
  let slow = placement.trunk.ram
  let all = placement.trunk.ram + placement.trunk.device
  for (const { pages, count } of placement.sites) {
    slow += count * (pages.ram + pages.disk)
    all += count * (pages.device + pages.ram + pages.disk)
  }
  if (slow < 1) return undefined
  const share = slow / all
  const text =
    `${(100 * share).toFixed(1)} % of the weights lie in host memory or on disks, which are ` +
    'many times slower than cards'
  return { kind: 'slow-pages', text, numbers: { slowBytes: slow, share } }
}

function missesLimits({ workload }: Candidate, quick: QuickEstimate): Verdict | undefined {
  if (quick.best !== undefined) return undefined
  const { tpotS, ttftS, batch } = quick.smallest
  const text =
    `no batch keeps the limits of ${workload.name}: even ${batch} at once takes ` +
    `${duration(tpotS)} a token (limit ${duration(workload.tpotS)}) and ` +
    `${duration(ttftS)} to the first (limit ${duration(workload.ttftS)})`
  return { kind: 'misses-limits', text, numbers: { batch, tpotS, ttftS } }
}

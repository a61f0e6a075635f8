/**
 * Deals the experts of one region: busy experts first, each to the domains where it fits best, so
 * that every domain gets exactly its count and the slowest is as quick as can be. Knows nothing of
 * bytes and of other regions.
 */
import type { RegionPlan } from './region-plan.js'

/** Time over the even share that a domain may take when experts that fire together gain by it. */
const BALANCE_SLACK = 1.05

/**
 * `counts`: pages of each domain; their sum is at most experts x replicas, none is more than
 * experts. With less than that sum some experts get fewer replicas.
 */
export function dealRegion(
  plan: RegionPlan,
  { counts, replicas }: { counts: Int32Array; replicas: number },
): void {
  const left = counts.slice()
  const limits = timeLimits(plan, counts)
  const order = busyFirst(plan)
  order.forEach((expert, at) => {
    const remaining = order.length - at
    for (let replica = 0; replica < replicas; replica++) {
      const domain =
        mustTake(plan, { expert, left, remaining }) ?? best(plan, { expert, left, limits })
      if (domain === undefined) return
      plan.add(expert, domain)
      left[domain] = (left[domain] ?? 0) - 1
    }
  })
}

function busyFirst(plan: RegionPlan): number[] {
  const experts = Array.from({ length: plan.experts }, (_, expert) => expert)
  return experts.sort((a, b) => plan.callsOf(b) - plan.callsOf(a) || a - b)
}

/** What each domain may take: the even share by speed, or what its count makes inevitable. */
function timeLimits(plan: RegionPlan, counts: Int32Array): Float64Array {
  const pages = counts.reduce((sum, count) => sum + count, 0)
  const calls = plan.calls.reduce((sum, one) => sum + one, 0) * (pages / plan.experts)
  const rate = plan.pairUs.reduce((sum, us) => sum + 1 / us, 0)
  return Float64Array.from(counts, (count, domain) => {
    const share = (calls * count) / Math.max(1, pages)
    return Math.max(calls / rate, share * plan.us(domain)) * BALANCE_SLACK
  })
}

/** A domain that has to hold all experts from here on to reach its count. */
function mustTake(
  plan: RegionPlan,
  { expert, left, remaining }: { expert: number; left: Int32Array; remaining: number },
): number | undefined {
  const domain = left.findIndex((count, at) => count >= remaining && !plan.holds(expert, at))
  return domain < 0 ? undefined : domain
}

function best(
  plan: RegionPlan,
  { expert, left, limits }: { expert: number; left: Int32Array; limits: Float64Array },
): number | undefined {
  const calls = plan.callsOf(expert)
  let found: number | undefined
  let foundAffinity = -1
  let foundUs = Number.POSITIVE_INFINITY
  for (let domain = 0; domain < plan.domains; domain++) {
    if ((left[domain] ?? 0) <= 0 || plan.holds(expert, domain)) continue
    const us = plan.timeWith(domain, calls)
    const isWithin = us <= (limits[domain] ?? 0)
    const affinity = isWithin ? plan.affinity(expert, domain) : -1
    if (affinity < foundAffinity || (affinity === foundAffinity && us >= foundUs)) continue
    found = domain
    foundAffinity = affinity
    foundUs = us
  }
  return found
}

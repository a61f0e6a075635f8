/** What tokens of a fleet would cost if all its network cards were slower or faster. */
import { isPlan } from '../cost/cost-plan.js'
import { layOutFor, quickFigures } from '../cost/quick.js'
import { fleetCost, workHourUsd } from '../economics/fleet-cost.js'
import { NICS } from '../economics/nic-prices.js'
import { usdPerMtok } from '../economics/token-cost.js'
import { withNics } from './change-fleet.js'
import type { Offer } from './offer.js'
import type { NicRow } from './plan.js'

/** Empty for a fleet of one host. The price of faster cards counts where the fleet has prices. */
export function makeNicRows({ candidate }: Offer): NicRow[] {
  const { fleet, workload } = candidate
  const isAlone = fleet.domains.length === 0 && (fleet.layout === 'apart' || fleet.head.count === 1)
  if (isAlone) return []
  return NICS.flatMap(({ bytesPerSecond }) => {
    const changed = withNics(fleet, bytesPerSecond)
    const plan = layOutFor({ ...candidate, fleet: changed })
    if (!isPlan(plan)) return []
    const cost = fleetCost(changed, workload.utilisation)
    const { hourUsd } = cost
    const { best } = quickFigures(plan, workload)
    if (best === undefined) return [{ bytesPerSecond, hourUsd }]
    const { outputTokensPerSecond } = best
    const workUsd = workHourUsd(cost, workload.utilisation)
    const outputMtokUsd = usdPerMtok(workUsd, outputTokensPerSecond)
    return [{ bytesPerSecond, hourUsd, outputTokensPerSecond, outputMtokUsd }]
  })
}

/**
 * What the head tells of its fleet: the sums and lists that follow from the directory. Pure; knows
 * nothing of processes and links.
 */
import type { Usage } from '../fleet/usage.js'
import { totalBytes } from '../pages/capacity.js'
import type { Directory } from '../pages/directory.js'
import type { CardTier } from '../pages/domain-table.js'
import { NO_DOMAIN, type Page } from '../pages/holder-table.js'
import type { ExpertLayerView, ExpertsView, FleetView, TierBytes } from './fleet-protocol.js'

/** One set of experts, as the directory numbers them. */
export type ViewedRegion = {
  readonly layer: number
  readonly group: '' | 'ch'
  readonly experts: number
  readonly pageBytes: number
}

const LETTERS = { device: 'd', host: 'h' } as const

export type ViewedPlacement = {
  readonly directory: Directory
  readonly regions: readonly ViewedRegion[]
}

/** What of a fleet's view the directory alone tells. */
export function viewPlacement({
  directory,
  regions,
}: ViewedPlacement): Pick<
  FleetView,
  'epoch' | 'replicas' | 'pages' | 'pageBytes' | 'orphans' | 'short'
> {
  const { table, replicas, epoch } = directory
  let orphans = 0
  let short = 0
  for (let entry = 0; entry < table.entries; entry++) {
    const count = table.count(entry)
    if (count === 0) orphans++
    if (count < replicas) short++
  }
  const pageBytes = totalBytes(regions)
  return { epoch, replicas, pages: table.entries, pageBytes, orphans, short }
}

export type ViewedExperts = ViewedPlacement & {
  readonly calls: Pick<Usage, 'of'>
  readonly domains: ExpertsView['domains']
  /** Of a page at a holder; undefined when it is in no memory there. */
  readonly tierOf: (domain: number, page: Page) => CardTier | undefined
}

export function viewExperts(viewed: ViewedExperts): ExpertsView {
  const { directory, regions, domains } = viewed
  return {
    epoch: directory.epoch,
    domains,
    layers: regions.map((_, region) => viewLayer(viewed, region)),
  }
}

/** The engine stands still meanwhile, so it copies no more than it tells. */
function viewLayer({ directory, regions, calls, tierOf }: ViewedExperts, region: number) {
  const { layer = 0, group = '', experts = 0 } = regions[region] ?? {}
  const table = directory.holders(region)
  const { replicas } = directory
  const holders: number[][] = []
  const tiers: string[] = []
  for (let expert = 0; expert < experts; expert++) {
    const ids: number[] = []
    let letters = ''
    for (let at = expert * replicas; at < (expert + 1) * replicas; at++) {
      const domain = table[at] ?? NO_DOMAIN
      if (domain === NO_DOMAIN) break
      const tier = tierOf(domain, { region, expert })
      if (tier === undefined) continue
      ids.push(domain)
      letters += LETTERS[tier]
    }
    holders.push(ids)
    tiers.push(letters)
  }
  return { layer, group, calls: calls.of(region), holders, tiers } satisfies ExpertLayerView
}

/** A domain whose pages all lie in one tier. */
export function inTier(tier: CardTier, bytes: number): TierBytes {
  return { device: 0, host: 0, disk: 0, [tier]: bytes }
}

/** The tier of memory that a device of this name has. */
export function tierOfDevice(device: string): CardTier {
  return /^cpu/i.test(device) ? 'host' : 'device'
}

/** Time of the routed experts of one layer, over all that hold them. */
import type { Machine } from './machine.js'
import type { ModelWork } from './model-work.js'
import { type Site, TIERS, type TierBytes } from './placement.js'
import { largestLoad, type Routing } from './routing.js'

/** What the tokens of a step ask of one layer's experts, and how unevenly. */
export type ExpertLoad = {
  /** Distinct experts: each is read once. */
  readonly distinct: number
  /** (token, expert) pairs: each is computed. */
  readonly pairs: number
  /** The busiest device's part over the mean one. */
  readonly readSkew: number
  readonly pairSkew: number
}

const NOTHING: ExpertLoad = { distinct: 0, pairs: 0, readSkew: 1, pairSkew: 1 }

/**
 * `bins` devices. A read expert lies on one of them, no device has more to read than it holds, and
 * one holder of `replicas` bears its part of the most popular expert. That holders of replicas are
 * chosen by load evens the excess out in proportion: assumed.
 */
export function expertLoad(
  routing: Routing,
  {
    tokens,
    bins,
    replicas,
  }: { readonly tokens: number; readonly bins: number; readonly replicas: number },
): ExpertLoad {
  if (tokens === 0) return NOTHING
  const distinct = routing.distinctExperts(tokens)
  const pairs = tokens * routing.expertsUsed
  const uneven = (mean: number): number => mean + (largestLoad(mean, bins) - mean) / replicas
  const held = Math.max(1, (routing.experts * replicas) / bins)
  const reads = Math.min(uneven(distinct / bins), held, distinct)
  const hottest = (tokens * routing.hottest) / replicas
  const work = Math.min(Math.max(uneven(pairs / bins), hottest), pairs)
  return {
    distinct,
    pairs,
    readSkew: Math.max(1, (reads * bins) / distinct),
    pairSkew: Math.max(1, (work * bins) / pairs),
  }
}

export type ExpertRates = {
  readonly site: Site
  /** Of the site's pages. */
  readonly tierShares: TierBytes
}

export function expertRates(site: Site): ExpertRates {
  const held = TIERS.reduce((sum, tier) => sum + site.pages[tier], 0)
  const { device, ram, disk } = site.pages
  const tierShares = { device: device / held, ram: ram / held, disk: disk / held }
  return { site, tierShares }
}

/** Seconds of one host of a site; experts of all tiers are wanted in proportion. */
export function siteExpertsS(
  { pageBytes, pageFlops }: ModelWork,
  { site, tierShares }: ExpertRates,
  { distinct, pairs, readSkew, pairSkew }: ExpertLoad,
): number {
  const { machine, share } = site
  const bytes = distinct * share * readSkew * pageBytes
  const flops = pairs * share * pairSkew * pageFlops
  const onDevice = Math.max(bytes / machine.bytesPerSecond, flops / machine.expertFlops)
  let seconds = tierShares.device * onDevice
  if (tierShares.ram > 0) seconds += tierShares.ram * ramS(machine, { bytes, flops })
  if (tierShares.disk > 0) seconds += (tierShares.disk * bytes) / machine.diskBytesPerSecond
  return seconds
}

/** A page in host memory goes to a card for this step, or the processor computes with it. */
function ramS(
  { ramBytesPerSecond, linkBytesPerSecond, cpuFlops }: Machine,
  { bytes, flops }: { readonly bytes: number; readonly flops: number },
): number {
  const sent = bytes / Math.min(ramBytesPerSecond, linkBytesPerSecond)
  return Math.min(sent, Math.max(bytes / ramBytesPerSecond, flops / cpuFlops))
}

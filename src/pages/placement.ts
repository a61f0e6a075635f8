/** Decides which domain holds which expert. Pure; knows nothing of bytes and of speed yet. */
import type { RegionSize } from './directory.js'

/**
 * Deals the experts of each region to domains in turn, starting one further in each region, so that
 * every domain gets an equal share of every layer and of the whole.
 */
export function dealPages(regions: readonly RegionSize[], domains: number): number[][] {
  return regions.map(({ experts }, region) =>
    Array.from({ length: experts }, (_, expert) => (expert + region) % domains),
  )
}

/** Experts of each region that one domain holds. */
export function pagesOf(placement: readonly (readonly number[])[], domain: number): number[][] {
  return placement.map((domains) =>
    domains.flatMap((holder, expert) => (holder === domain ? [expert] : [])),
  )
}

/** What goes wrong with domains, and when: as told, or at random. Seconds, seeded. */
import type { Prng } from '../../base/prng.js'

/**
 * `lost`: its memory is gone, its disk is not. `slow`: computes `factor` times as long; 1 is as
 * ever.
 */
export type Fault = { readonly atS: number; readonly domain: number } & (
  | { readonly kind: 'lost' | 'back' }
  | { readonly kind: 'slow'; readonly factor: number }
)

/** Something that begins and, maybe, ends. */
export type Outage = {
  readonly domain: number
  readonly atS: number
  /** Infinity: for good. */
  readonly forS: number
  /** Undefined: the domain is lost meanwhile; otherwise slower by so much. */
  readonly factor?: number
}

/** In order of time. */
export function faultsOf(outages: readonly Outage[]): Fault[] {
  const faults = outages.flatMap(({ domain, atS, forS, factor }): Fault[] => {
    const endS = atS + forS
    if (factor === undefined) {
      return [
        { kind: 'lost', domain, atS },
        { kind: 'back', domain, atS: endS },
      ]
    }
    return [
      { kind: 'slow', domain, atS, factor },
      { kind: 'slow', domain, atS: endS, factor: 1 },
    ]
  })
  return faults.filter(({ atS }) => Number.isFinite(atS)).sort((a, b) => a.atS - b.atS)
}

/** Each domain by itself is up for `upS` on average, then away for `awayS`; both exponential. */
export function randomOutages(options: {
  readonly domains: readonly number[]
  readonly upS: number
  readonly awayS: number
  readonly durationS: number
  readonly prng: Prng
}): Outage[] {
  const { domains, upS, awayS, durationS, prng } = options
  const draw = (meanS: number): number => meanS * prng.nextExponential()
  return domains.flatMap((domain) => {
    const outages: Outage[] = []
    for (let atS = draw(upS); atS < durationS; ) {
      const forS = draw(awayS)
      outages.push({ domain, atS, forS })
      atS += forS + draw(upS)
    }
    return outages
  })
}

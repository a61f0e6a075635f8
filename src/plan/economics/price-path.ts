/** What an hour of an H100 cost over the years: the only path long enough to test a model on. */
import { MONTHS_PER_YEAR } from '../../base/units.js'
import type { PriceKind, Trust } from '../catalog/card.js'

export type PricePoint = {
  /** ISO month: the middle of the time that the source names. */
  readonly month: string
  readonly usd: number
  readonly kind: PriceKind
  readonly source: string
  readonly trust: Trust
}

/** In order of time. Points are of different kinds; that is part of how far they are off. */
export const H100_PRICES: readonly PricePoint[] = [
  {
    month: '2023-06',
    usd: 8,
    kind: 'on-demand',
    source: 'neighborhoodsf wiki, compux.net: 7 to over 12 in 2023; 8 at its middle',
    trust: 'derived',
  },
  {
    month: '2024-02',
    usd: 2.85,
    kind: 'on-demand',
    source: 'Latent Space on new clouds, early 2024, by the neighborhoodsf wiki',
    trust: 'read',
  },
  {
    month: '2024-10',
    usd: 2.99,
    kind: 'on-demand',
    source: 'SemiAnalysis by the neighborhoodsf wiki',
    trust: 'read',
  },
  {
    month: '2025-10',
    usd: 1.7,
    kind: 'contract',
    source: 'SemiAnalysis by techreaderdaily: one-year contract',
    trust: 'read',
  },
  {
    month: '2026-03',
    usd: 2.35,
    kind: 'contract',
    source: 'SemiAnalysis by techreaderdaily: one-year contract',
    trust: 'read',
  },
  {
    month: '2026-05',
    usd: 2.95,
    kind: 'on-demand',
    source: 'aimultiple.com/gpu-index: median of list prices',
    trust: 'read',
  },
  {
    month: '2026-10',
    usd: 3.21,
    kind: 'on-demand',
    source: 'middle (geometric) of 2.40 to 4.29, new clouds, September and October 2026',
    trust: 'derived',
  },
]

/** Months since the year 0. */
export function monthNumber(month: string): number {
  const [year, ofYear] = month.split('-').map(Number)
  return (year ?? Number.NaN) * MONTHS_PER_YEAR + (ofYear ?? Number.NaN) - 1
}

/** Points up to and with `month`. */
export function upTo(points: readonly PricePoint[], month: string): PricePoint[] {
  return points.filter((point) => monthNumber(point.month) <= monthNumber(month))
}

/** Sums, medians and ratios of measurements, such as were taken round by round. Pure. */

/** One subject's measurements, one of each round. */
export type Series = { readonly name: string; readonly values: readonly number[] }

export type Summary = {
  readonly name: string
  readonly median: number
  /** 20th percentile. */
  readonly low: number
  /** Median over the rounds of this subject's value over the first subject's. */
  readonly ratio: number
}

export function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}

/** NaN when there are no values. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Between two values it interpolates; NaN when there are none. `share` is 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

/** What a machine does beside us changes from round to round, so ratios are taken within each. */
export function summarise(series: readonly Series[]): Summary[] {
  const reference = series[0]?.values ?? []
  return series.map(({ name, values }) => ({
    name,
    median: median(values),
    low: quantile(values, 0.2),
    ratio: median(values.map((value, round) => value / (reference[round] ?? Number.NaN))),
  }))
}

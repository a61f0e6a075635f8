/** How far two sets of logits are apart. Pure numbers. */

export type Comparison = {
  readonly rows: number
  readonly isIdentical: boolean
  /** Largest absolute difference of two logits. */
  readonly maxError: number
  /** Sum of squared differences over the sum of squared reference logits. */
  readonly normalisedError: number
  /** Share of rows whose largest logit is the same token. */
  readonly agreement: number
}

/** Rows that are missing, or finite on one side only, count as infinitely far apart. */
export function compareRows(
  reference: readonly Float32Array[],
  rows: readonly Float32Array[],
): Comparison {
  const sums = { difference: 0, reference: 0, max: 0, agreeing: 0 }
  reference.forEach((expected, index) => {
    const actual = rows[index]
    if (actual === undefined || actual.length !== expected.length) {
      sums.max = Number.POSITIVE_INFINITY
      return
    }
    addRow(sums, expected, actual)
    if (largestIndex(expected) === largestIndex(actual)) sums.agreeing++
  })
  const isApart = !Number.isFinite(sums.max)
  return {
    rows: reference.length,
    isIdentical: sums.max === 0,
    maxError: sums.max,
    normalisedError: isApart
      ? Number.POSITIVE_INFINITY
      : sums.difference === 0
        ? 0
        : sums.difference / sums.reference,
    agreement: reference.length === 0 ? 1 : sums.agreeing / reference.length,
  }
}

type Sums = { difference: number; reference: number; max: number }

function addRow(sums: Sums, expected: Float32Array, actual: Float32Array): void {
  for (let i = 0; i < expected.length; i++) {
    const a = expected[i] ?? 0
    const b = actual[i] ?? 0
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) {
      if (Number.isFinite(a)) sums.reference += a * a
      continue
    }
    const difference = Math.abs(a - b)
    sums.max = Math.max(sums.max, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference)
    sums.difference += difference * difference
    sums.reference += a * a
  }
}

export function largestIndex(row: Float32Array | undefined): number {
  let best = 0
  for (let i = 1; row !== undefined && i < row.length; i++) {
    if ((row[i] ?? 0) > (row[best] ?? 0)) best = i
  }
  return best
}

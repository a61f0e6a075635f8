/**
 * What the matrix units of an architecture do at most. A table that counts with sparsity doubles
 * every rate of a row and so keeps all ratios and powers of two right; this catches it.
 */

/** FLOP per clock and unit with 16-bit operands and the faster accumulator; vendor documents. */
const HALF_PRECISION: Readonly<Record<string, number>> = {
  sm_70: 1024,
  sm_80: 2048,
  sm_86: 1024,
  sm_89: 1024,
  sm_90: 4096,
  sm_100: 8192,
  sm_103: 8192,
  sm_120: 1024,
  sm_121: 1024,
  gfx942: 2048,
  gfx950: 4096,
  gfx1100: 512,
  gfx1151: 512,
}

/** Undefined for an architecture without published figures. */
export function halfPrecisionLimit(architecture: string | undefined): number | undefined {
  return architecture === undefined ? undefined : HALF_PRECISION[architecture]
}

/** Whether two SMs can take part in one matrix instruction (`tcgen05.mma.cta_group::2`). */
export function pairsUnits(architecture: string | undefined): boolean {
  return architecture === 'sm_100' || architecture === 'sm_103'
}

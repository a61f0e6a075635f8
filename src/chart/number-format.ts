/**
 * Numbers of axes and tooltips: SI prefixes, and no more digits than tell ticks apart. Knows
 * nothing of pictures.
 */

export type Prefix = { readonly sign: string; readonly factor: number }

const NONE: Prefix = { sign: '', factor: 1 }
const LARGE: readonly Prefix[] = [
  { sign: 'T', factor: 1e12 },
  { sign: 'G', factor: 1e9 },
  { sign: 'M', factor: 1e6 },
  { sign: 'k', factor: 1e3 },
]
const SMALL: readonly Prefix[] = [
  { sign: 'm', factor: 1e-3 },
  { sign: 'µ', factor: 1e-6 },
  { sign: 'n', factor: 1e-9 },
]

/** Units that take a prefix themselves (`ms`, `GB/s`); others leave it with the number (`5k`). */
const PREFIXED: ReadonlySet<string> = new Set(['s', 'B', 'B/s', 'bit/s', 'FLOP/s', 'W', 'Hz'])
/** Nobody says millibyte or kilosecond: time alone goes below one, and only there. */
const TIME = 's'

export function isPrefixed(unit: string): boolean {
  return PREFIXED.has(unit)
}

/** The largest prefix in use that leaves at least 1 of `value`. */
export function prefixOf(value: number, unit: string): Prefix {
  const size = Math.abs(value) * (1 + 1e-9)
  if (unit !== TIME) return LARGE.find(({ factor }) => size >= factor) ?? NONE
  if (size >= 1 || size === 0) return NONE
  return SMALL.find(({ factor }) => size >= factor) ?? { sign: 'n', factor: 1e-9 }
}

/** `0.00123, 's'` -> `1.23 ms`; `12345, 'tokens/s'` -> `12.3k tokens/s`; three digits. */
export function formatValue(value: number, unit: string): string {
  const rounded = Number(value.toPrecision(3))
  const { sign, factor } =
    Math.abs(rounded) < 1e4 && !isPrefixed(unit) ? NONE : prefixOf(rounded, unit)
  const number = formatDigits(Number((rounded / factor).toPrecision(3)))
  if (unit === '') return `${number}${sign}`
  return isPrefixed(unit) ? `${number} ${sign}${unit}` : `${number}${sign} ${unit}`
}

/** Ticks `step` apart, in units of `prefix`. */
export function formatStep(value: number, step: number, prefix: Prefix): string {
  if (value === 0) return '0'
  const decimals = Math.ceil(-Math.log10(step / prefix.factor) - 1e-9)
  const scaled = value / prefix.factor
  if (decimals > 12 || Math.abs(scaled) >= 1e15) return String(Number(scaled.toPrecision(6)))
  return formatDigits(Number(scaled.toFixed(Math.max(0, decimals))), Math.max(0, decimals))
}

/** Thousands are set apart; very large and very small ones are written as powers of ten. */
function formatDigits(value: number, decimals?: number): string {
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e15 || size < 1e-6)) return String(value)
  const [whole = '', rest] = (
    decimals === undefined ? String(value) : value.toFixed(decimals)
  ).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return rest === undefined ? grouped : `${grouped}.${rest}`
}

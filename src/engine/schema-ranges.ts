/** GBNF for whole and decimal numbers within bounds. Knows nothing of schemas. */
import { assert } from '../base/assert.js'

/** Inclusive bounds; infinite where there is none. */
export type Range = { readonly min: number; readonly max: number }

const MAX_DIGITS = 15

/** Whole numbers of a range that has at least one. */
export function integerRange({ min, max }: Range): string {
  assert(min <= max, `a range from ${min} to ${max}`)
  const parts: string[] = []
  if (min < 0) {
    const negative = naturalRange(Math.max(1, -max), -min)
    parts.push(`"-" (${negative})`)
  }
  if (max >= 0) parts.push(naturalRange(Math.max(0, min), max))
  return parts.join(' | ')
}

/**
 * Decimal numbers of a range with whole bounds: a fraction may follow every whole number but the
 * last one on the way to a bound.
 */
export function decimalRange({ min, max }: Range): string {
  assert(min <= max, `a range from ${min} to ${max}`)
  const parts: string[] = []
  if (min < 0) parts.push(...magnitudes({ low: Math.max(0, -max), high: -min, sign: '"-" ' }))
  if (max >= 0) parts.push(...magnitudes({ low: Math.max(0, min), high: max, sign: '' }))
  return parts.join(' | ')
}

/** Numbers of one sign: `low` to `high` away from zero. */
function magnitudes(options: { low: number; high: number; sign: string }): string[] {
  const { low, high, sign } = options
  const parts: string[] = []
  if (low < high) parts.push(`${sign}(${naturalRange(low, high - 1)}) fraction?`)
  if (high !== Infinity) parts.push(`${sign}(${naturalRange(high, high)}) ("." "0"{1,16})?`)
  return parts
}

/** Whole numbers from `low` >= 0 to `high`, without leading zeros. */
function naturalRange(low: number, high: number): string {
  if (high === Infinity) return openRange(low)
  const parts: string[] = []
  for (let from = low; from <= high; ) {
    const lastOfLength = 10 ** String(from).length - 1
    const to = Math.min(high, lastOfLength)
    parts.push(sameLength(String(from), String(to)))
    from = to + 1
  }
  return parts.join(' | ')
}

function openRange(low: number): string {
  const digits = String(low).length
  const longer = `[1-9] [0-9]{${digits},${Math.max(digits, MAX_DIGITS)}}`
  return `${naturalRange(low, 10 ** digits - 1)} | ${longer}`
}

/** Digit strings of one length between two of them. */
function sameLength(low: string, high: string): string {
  if (low === high) return `"${low}"`
  const [a = '', b = ''] = [low[0], high[0]]
  const rest = low.length - 1
  if (rest === 0) return digitClass(a, b)
  if (a === b) return `"${a}" (${sameLength(low.slice(1), high.slice(1))})`
  const parts: string[] = []
  const lowIsRound = /^0+$/.test(low.slice(1))
  const highIsFull = /^9+$/.test(high.slice(1))
  if (!lowIsRound) parts.push(`"${a}" (${sameLength(low.slice(1), '9'.repeat(rest))})`)
  const first = lowIsRound ? Number(a) : Number(a) + 1
  const last = highIsFull ? Number(b) : Number(b) - 1
  if (first <= last) parts.push(`${digitClass(String(first), String(last))} [0-9]{${rest}}`)
  if (!highIsFull) parts.push(`"${b}" (${sameLength('0'.repeat(rest), high.slice(1))})`)
  return parts.join(' | ')
}

function digitClass(low: string, high: string): string {
  return low === high ? `"${low}"` : `[${low}-${high}]`
}

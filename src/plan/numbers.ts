/** Numbers of a plan as people read them: three digits, units that fit. */
import { BITS_PER_BYTE, MONTHS_PER_YEAR } from '../base/units.js'
import { formatValue } from '../chart/number-format.js'

/** `$0.0419`, `$3.30`, `$12,400`. */
export function usd(value: number): string {
  if (value < 0) return `-${usd(-value)}`
  if (value >= 1 && value < 100) return `$${value.toFixed(2)}`
  if (value >= 100) return `$${count(value)}`
  return `$${Number(value.toPrecision(3))}`
}

/** `84 ms`, `2.1 s`. */
export function duration(seconds: number): string {
  return formatValue(seconds, 's')
}

/** `512`, `1,240`, `12,700`: three digits that count. */
export function count(value: number): string {
  return whole(Number(value.toPrecision(3)))
}

/** Every digit, thousands set apart. */
export function whole(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 3 })
}

/** `34 %`. */
export function percent(share: number): string {
  const value = 100 * share
  return `${Math.abs(value) < 10 ? Number(value.toPrecision(2)) : value.toFixed(0)} %`
}

/** `3.2 times`, `24 times`. */
export function times(ratio: number): string {
  return `${ratio >= 10 ? count(ratio) : ratio.toFixed(ratio < 1.1 ? 2 : 1)} times`
}

/** `25 Gb/s`. */
export function gigabits(bytesPerSecond: number): string {
  return `${Number(((bytesPerSecond * BITS_PER_BYTE) / 1e9).toPrecision(3))} Gb/s`
}

/** `7 months`, `2.3 years`. */
export function months(value: number): string {
  if (value < 1) return 'under a month'
  return value < 24
    ? `${Math.round(value)} months`
    : `${(value / MONTHS_PER_YEAR).toFixed(1)} years`
}

/** `1 host`, `4 hosts`. */
export function plural(value: number, noun: string): string {
  return `${whole(value)} ${noun}${value === 1 ? '' : 's'}`
}

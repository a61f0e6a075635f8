/** How units of time and data hang together, and sizes as people write and read them. */

export const BITS_PER_BYTE = 8
export const US_PER_SECOND = 1e6
export const MS_PER_SECOND = 1000
export const SECONDS_PER_HOUR = 3600
export const HOURS_PER_DAY = 24
export const HOURS_PER_YEAR = 365 * HOURS_PER_DAY
export const MONTHS_PER_YEAR = 12

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `1536` -> `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < SIZE_UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${SIZE_UNITS[unit]}`
}

const SIZE = /^(\d{1,12}(?:\.\d{1,6})?)\s*(?:([kmgt])(?:i?b)?|b)?$/i

/**
 * Bytes of `8GiB`, `8 GB`, `8g` or `8589934592`; all units are binary, as people mean with memory.
 * Undefined when it is no size, or one too large to count exactly.
 */
export function parseBytes(text: string): number | undefined {
  const [, digits, letter] = SIZE.exec(text.trim()) ?? []
  if (digits === undefined) return undefined
  const power = letter === undefined ? 0 : 1 + 'kmgt'.indexOf(letter.toLowerCase())
  const bytes = Math.round(Number(digits) * 1024 ** power)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

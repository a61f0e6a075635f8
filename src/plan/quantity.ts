/**
 * Quantities as people write them: a number, a space, a unit. A unit is never guessed, as bits and
 * bytes, dollars and hours are mistaken too easily. Knows nothing of what they are for.
 */
import { z } from 'zod'
import { plain } from '../base/nearest.js'

type Dimension = {
  /** What one of each unit is in SI units. */
  readonly units: Readonly<Record<string, number>>
  readonly example: string
}

const BYTES = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

const BITS_PER_SECOND = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9, Tbit: 1e12 }

/** Rates of data in bytes per second; `Gbps` and `Gb/s` are bits, as networks have it. */
const SPEEDS: Record<string, number> = {
  ...Object.fromEntries(Object.entries(BYTES).map(([unit, bytes]) => [`${unit}/s`, bytes])),
  ...Object.fromEntries(
    Object.entries(BITS_PER_SECOND).flatMap(([unit, bits]) => [
      [`${unit}/s`, bits / 8],
      [`${unit.replace('bit', 'b')}/s`, bits / 8],
      [`${unit.replace('bit', 'b')}ps`, bits / 8],
    ]),
  ),
}

export const DIMENSIONS = {
  bytes: { units: BYTES, example: '64 GB' },
  speed: { units: SPEEDS, example: '25 Gbit/s' },
  time: {
    units: { s: 1, ms: 1e-3, us: 1e-6, '\u00b5s': 1e-6, '\u03bcs': 1e-6, ns: 1e-9 },
    example: '20 us',
  },
  duration: { units: { s: 1, ms: 1e-3, min: 60, h: 3600, d: 86_400 }, example: '30 min' },
  rate: { units: { '/s': 1, '/min': 1 / 60, '/h': 1 / 3600 }, example: '3/s' },
  power: { units: { W: 1, kW: 1e3 }, example: '80 W' },
  money: { units: { USD: 1 }, example: '700 USD' },
  energyPrice: { units: { 'USD/kWh': 1, 'USD/MWh': 1e-3 }, example: '0.30 USD/kWh' },
  placePrice: { units: { 'USD/kW-month': 1 }, example: '130 USD/kW-month' },
  hourPrice: { units: { 'USD/h': 1, 'USD/hour': 1 }, example: '5.20 USD/h' },
  years: { units: { years: 1, year: 1, months: 1 / 12, month: 1 / 12 }, example: '4 years' },
  flops: { units: { 'TFLOP/s': 1e12, 'PFLOP/s': 1e15, 'GFLOP/s': 1e9 }, example: '200 TFLOP/s' },
} as const satisfies Record<string, Dimension>

export type DimensionName = keyof typeof DIMENSIONS

const QUANTITY = /^([+-]?\d{1,15}(?:\.\d{1,15})?(?:e[+-]?\d{1,2})?)\s*(\S{0,20})$/i

/** In SI units, or what is wrong with it, as the end of a sentence about its field. */
export type ParsedQuantity = { readonly value: number } | { readonly problem: string }

export function parseQuantity(name: DimensionName, given: unknown): ParsedQuantity {
  const { units, example }: Dimension = DIMENSIONS[name]
  const asIn = `write it as in "${example}"`
  if (typeof given !== 'string' && typeof given !== 'number') {
    return { problem: `is ${show(given)}; ${asIn}` }
  }
  const [, digits, unit = ''] = QUANTITY.exec(String(given).trim()) ?? []
  if (digits === undefined) return { problem: `is ${show(given)}; ${asIn}` }
  if (unit === '') return { problem: `is ${show(given)} without a unit; ${asIn}` }
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  if (factor !== undefined) return { value: Number(digits) * factor }
  // Letters in the other case are another unit: MB and Mb, mW and MW.
  const near = Object.keys(units).find((one) => plain(one) === plain(unit))
  const meant = near === undefined ? '' : ` (units here are written like ${near})`
  return { problem: `is ${show(given)}, and "${unit}" is no unit of it${meant}; ${asIn}` }
}

export type Bounds = { readonly min?: number; readonly max?: number; readonly above?: number }

/** The same within bounds. `above`: and more than. */
export function parseWithin(
  name: DimensionName,
  given: unknown,
  { min = 0, max = Infinity, above }: Bounds,
): ParsedQuantity {
  const parsed = parseQuantity(name, given)
  if ('problem' in parsed) return parsed
  const { value } = parsed
  if (above !== undefined && value <= above) {
    return { problem: `is ${show(given)}; it must be more than ${above}` }
  }
  if (value >= min && value <= max) return parsed
  return { problem: `is ${show(given)}; it must be from ${min} to ${max}, in SI units` }
}

/** A field of a schema: text with a unit in, SI units out. */
export function quantity(name: DimensionName, bounds: Bounds = {}) {
  return z.unknown().transform((given, context): number => {
    const parsed = parseWithin(name, given, bounds)
    return 'problem' in parsed ? refuse(context, parsed.problem) : parsed.value
  })
}

/** `0.15` or `15 %`, from 0 to 1. `above`: and more than. */
export function share({ above = -1 }: { readonly above?: number } = {}) {
  return z.unknown().transform((given, context): number => {
    const [, digits, percent] = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(String(given).trim()) ?? []
    const value = digits === undefined ? Number.NaN : Number(digits) / (percent === '%' ? 100 : 1)
    if (value > above && value <= 1) return value
    const least = above < 0 ? '' : `more than ${above}, `
    return refuse(context, `is ${show(given)}; write a share, ${least}as in 0.15 or "15 %"`)
  })
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}

const SHOWN_MAX = 40

/** A value as it stands in a file, cut short. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}...`
}

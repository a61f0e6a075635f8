/** How options of simulations are read: lengths, popularity, faults. */
import { InvalidArgumentError } from 'commander'
import { HOURS_PER_DAY } from '../base/units.js'
import { UNIFORM } from '../plan/cost/routing.js'
import { TOKENS_MAX } from '../plan/workload.js'
import type { Outage } from '../sim/serving/faults.js'
import type { Lengths } from '../sim/serving/lengths.js'
import type { Popularity } from '../sim/serving/popularity.js'
import { quantityOf } from './options.js'

export const LENGTHS_HELP = 'tokens, as in 1024 or lognormal:<median>,<sigma>'

/** `1024`, or `lognormal:500,0.8`: median and standard deviation of the logarithm. */
export function parseLengths(text: string): Lengths {
  const [, digits] = /^(\d{1,8})$/.exec(text) ?? []
  const tokens = Number(digits)
  if (tokens >= 1 && tokens <= TOKENS_MAX) return { kind: 'fixed', tokens }
  const [, middle, deviation] = /^lognormal:(\d{1,8}),(\d(?:\.\d{1,6})?)$/.exec(text) ?? []
  const median = Number(middle)
  const sigma = Number(deviation)
  if (median >= 1 && median <= TOKENS_MAX && sigma <= 4) return { kind: 'lognormal', median, sigma }
  throw new InvalidArgumentError(
    `It must be a number of tokens from 1 to ${TOKENS_MAX}, or lognormal:<median>,<sigma> with sigma up to 4.`,
  )
}

/** `uniform`, or `zipf:1.1`; anything else is the name of a file. */
export function parsePopularity(text: string): Popularity | string {
  if (text === 'uniform') return UNIFORM
  if (!text.startsWith('zipf')) return text
  const [, digits] = /^zipf:(\d(?:\.\d{1,6})?)$/.exec(text) ?? []
  if (digits !== undefined) return { kind: 'zipf', exponent: Number(digits) }
  throw new InvalidArgumentError('It must be zipf:<exponent> with an exponent from 0 to 9.')
}

/** Parts of a day of 24 hours, the first from midnight on. */
export function parseHourly(text: string): number[] {
  const shares = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  const isGood = shares.length === HOURS_PER_DAY && shares.every((one) => one >= 0)
  if (isGood && shares.some((one) => one > 0)) return shares
  throw new InvalidArgumentError('It must be 24 numbers with commas between, from midnight on.')
}

export const FAULT_HELP = 'lost:<domain>@<when>+<for how long>, or slow:<domain>@...*<factor>'

const FAULT = /^(lost|slow):(\d{1,5})@([^+*]+)(?:\+([^*]+))?(?:\*(\d{1,4}(?:\.\d{1,6})?))?$/

/** `lost:3@10min+5min`, `slow:3@10min+5min*2.5`; without `+...` it is for good. */
export function parseOutage(text: string): Outage {
  const [, kind, domain, when, duration, factor] = FAULT.exec(text) ?? []
  if (kind === undefined || (kind === 'slow') !== (factor !== undefined)) {
    throw new InvalidArgumentError(`It must be ${FAULT_HELP}.`)
  }
  const seconds = quantityOf('duration')
  const times = {
    domain: Number(domain),
    atS: seconds(when ?? ''),
    forS: duration === undefined ? Number.POSITIVE_INFINITY : seconds(duration),
  }
  if (factor === undefined) return times
  if (Number(factor) >= 1) return { ...times, factor: Number(factor) }
  throw new InvalidArgumentError('A factor below 1 would be a faster domain; give 1 or more.')
}

export function collectOutage(text: string, previous: readonly Outage[] = []): Outage[] {
  return [...previous, parseOutage(text)]
}

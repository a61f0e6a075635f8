/**
 * Axes: which range covers the data, where ticks stand and what they say. Knows nothing of pixels.
 */
import { assert } from '../base/assert.js'
import { formatStep, formatValue, isPrefixed, prefixOf } from './number-format.js'

export type Axis = {
  readonly title: string
  /** `s`, `B`, `tokens/s`, `$ per million tokens`; none for plain numbers. */
  readonly unit?: string
  /** Default linear. A logarithmic axis leaves out what is not above zero. */
  readonly scale?: 'linear' | 'log'
  /** Values the axis shows even if no point has them, such as zero. */
  readonly covers?: readonly number[]
}

export type Tick = {
  /** From 0 at the low end of the axis to 1 at its high end. */
  readonly share: number
  readonly value: number
  readonly label: string
}

export type Scale = {
  readonly title: string
  readonly unit: string
  readonly low: number
  readonly high: number
  readonly ticks: readonly Tick[]
  readonly holds: (value: number) => boolean
  /** Where a value lies: 0 to 1, when the axis holds it. */
  readonly shareOf: (value: number) => number
}

/** Beyond these, differences and ratios of floating-point numbers leave their range. */
const LARGEST = 1e100
const SMALLEST = 1e-100
/** Values closer together than this part of their size count as one. */
const SAME = 1e-9

/** An axis with about `maxTicks` ticks, at most, that covers all values it can show. */
export function makeScale(axis: Axis, values: Iterable<number>, maxTicks: number): Scale {
  assert(maxTicks >= 2, `an axis with ${maxTicks} ticks`)
  const isLog = axis.scale === 'log'
  const holds = isLog ? canShowLog : canShow
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const list of [values, axis.covers ?? []]) {
    for (const value of list) {
      if (!holds(value)) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  }
  const isEmpty = low > high
  if (isLog) return isEmpty ? logScale(axis, 1, 10) : logScale(axis, low, high)
  return linearScale(axis, isEmpty ? [0, 1] : spread(low, high), maxTicks)
}

function canShow(value: number): boolean {
  return Math.abs(value) <= LARGEST
}

function canShowLog(value: number): boolean {
  return value >= SMALLEST && value <= LARGEST
}

/** A range of some width, also around a single value. */
function spread(low: number, high: number): [number, number] {
  const size = Math.max(Math.abs(low), Math.abs(high))
  if (size < SMALLEST) return [0, 1]
  if (high - low > size * SAME) return [low, high]
  return low > 0 ? [0, high] : high < 0 ? [low, 0] : [low - size / 2, high + size / 2]
}

function linearScale(axis: Axis, [low, high]: [number, number], maxTicks: number): Scale {
  const unit = axis.unit ?? ''
  const step = niceStep((high - low) / (maxTicks - 1))
  const first = Math.floor(low / step + 1e-9)
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9))
  const [from, to] = [exact(first * step), exact(last * step)]
  const prefix = prefixOf(Math.max(Math.abs(from), Math.abs(to)), unit)
  const sign = isPrefixed(unit) ? '' : prefix.sign
  const shareOf = (value: number): number => clamp((value - from) / (to - from))
  const ticks = Array.from({ length: last - first + 1 }, (_, i): Tick => {
    const value = exact((first + i) * step)
    const label = formatStep(value, step, prefix)
    return { value, share: shareOf(value), label: value === 0 ? label : label + sign }
  })
  const title = titleOf(axis, isPrefixed(unit) ? prefix.sign + unit : unit)
  return { title, unit, low: from, high: to, ticks, holds: canShow, shareOf }
}

/** The least of 1, 2 and 5 times a power of ten that is no less than `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  const factor = [1, 2, 5].find((one) => one * power >= least * (1 - 1e-9)) ?? 10
  return exact(factor * power)
}

/** Decades up to this many have ticks at 2 and 5 as well. */
const FINE_DECADES = 2.5
const MAX_DECADES = 8

function logScale(axis: Axis, low: number, high: number): Scale {
  const unit = axis.unit ?? ''
  let first = logFloor(low)
  let last = logCeil(high)
  if (first === last) {
    first--
    last++
  }
  const [from, to] = [logValue(first), logValue(last)]
  const span = Math.log(to / from)
  const shareOf = (value: number): number => clamp(Math.log(value / from) / span)
  const decades = (last - first) / 3
  const stride = decades <= FINE_DECADES ? 1 : 3 * Math.ceil(decades / MAX_DECADES)
  const start = Math.ceil(first / stride) * stride
  const count = Math.floor((last - start) / stride) + 1
  const ticks = Array.from({ length: count }, (_, i): Tick => {
    const value = logValue(start + i * stride)
    return { value, share: shareOf(value), label: formatLog(value, unit) }
  })
  return {
    // Ticks of many sizes have their own prefixes, and so the unit.
    title: titleOf(axis, isPrefixed(unit) ? '' : unit),
    unit,
    low: from,
    high: to,
    ticks,
    holds: canShowLog,
    shareOf,
  }
}

function formatLog(value: number, unit: string): string {
  return formatValue(value, isPrefixed(unit) ? unit : '')
}

/** Steps of a logarithmic axis are 1, 2, 5, 10, 20, ...; step 0 is 1, step 3 is 10. */
function logValue(step: number): number {
  const decade = Math.floor(step / 3)
  return exact(([1, 2, 5][step - decade * 3] ?? 1) * 10 ** decade)
}

function logFloor(value: number): number {
  let step = 3 * Math.floor(Math.log10(value)) - 1
  while (logValue(step + 1) <= value * (1 + SAME)) step++
  return step
}

function logCeil(value: number): number {
  let step = 3 * Math.ceil(Math.log10(value)) + 1
  while (logValue(step - 1) >= value * (1 - SAME)) step--
  return step
}

function titleOf(axis: Axis, unit: string): string {
  return unit === '' ? axis.title : `${axis.title} (${unit})`
}

/** Without the last bits that multiplying leaves: 3 * 0.1 is 0.3. */
function exact(value: number): number {
  return Number(value.toPrecision(12))
}

/** Rounding may put a value at an end of the axis just outside of it. */
function clamp(share: number): number {
  return Math.min(1, Math.max(0, share))
}

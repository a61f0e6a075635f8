/** Refuses rows of the catalogue that cannot be right. Knows nothing of which are. */
import { checkRate, flopPerUnit, TOLERANCE } from './arithmetic.js'
import type { Card, Figure, NumberFormat, Price, Rate } from './card.js'
import { halfPrecisionLimit } from './families.js'
import { priceUnit } from './figures.js'
import type { Rack } from './racks.js'
import { denseRate } from './rates.js'

/** Sentences, each naming the figure; empty when the row passes. */
export function lintCard(card: Card): string[] {
  return [
    ...lintPowers(card),
    ...lintFamily(card),
    ...lintRatios(card),
    ...lintGeForce(card),
    ...lintMemory(card),
    ...lintClock(card),
    ...lintFigures(card),
    ...card.prices.flatMap(lintPrice),
  ].map((problem) => `${card.id}: ${problem}`)
}

export function lintRack(rack: Rack): string[] {
  const { id, cards, scaleUp, nic, power, prices } = rack
  const figures = { 'scale-up link': scaleUp.bandwidth, nic, power }
  return [
    ...Object.entries(figures).flatMap(([name, figure]) => lintFigure(name, figure)),
    ...(scaleUp.cards <= cards ? [] : ['its scale-up domain is larger than itself']),
    ...prices.flatMap(lintPrice),
  ].map((problem) => `${id}: ${problem}`)
}

function lintPowers(card: Card): string[] {
  const checks = card.rates.map((rate) => checkRate(card, rate))
  return checks
    .filter(({ verdict }) => verdict === 'fails')
    .map(({ rate, perUnit, power }) => {
      const found = `${Math.round(perUnit)} FLOP per clock and unit`
      return `${label(rate)} is ${found}, no power of two; ${power} is the nearest`
    })
}

function lintFamily(card: Card): string[] {
  const limit = halfPrecisionLimit(card.architecture)
  if (limit === undefined) return []
  const wide = card.rates.filter(({ format }) => format === 'bf16' || format === 'fp16')
  return wide
    .filter(({ value }) => flopPerUnit(card, value) > limit * (1 + TOLERANCE))
    .map((rate) => {
      const found = Math.round(flopPerUnit(card, rate.value))
      return `${label(rate)} is ${found} FLOP per clock and unit, ${card.architecture} does ${limit}`
    })
}

/** How the fastest rate of a format stands to that of another. */
const RATIOS: ReadonlyArray<readonly [NumberFormat, NumberFormat, allowed: readonly number[]]> = [
  ['fp8', 'fp16', [2]],
  ['int8', 'fp16', [1, 2]],
  ['fp4', 'fp8', [2]],
]

function lintRatios(card: Card): string[] {
  return RATIOS.flatMap(([narrow, wide, allowed]) => {
    const above = fastest(card, narrow)
    const below = fastest(card, wide)
    if (above === undefined || below === undefined || above.unchecked !== undefined) return []
    const ratio = above.value / below.value
    if (allowed.some((one) => isNear(ratio, one))) return []
    const wanted = allowed.join(' or ')
    return [`${narrow} is ${ratio.toFixed(2)} times ${wide}; ${wanted} is possible`]
  })
}

/** A GeForce sums FP16 products in FP32 at half the rate; BF16 has FP32 sums only. */
function lintGeForce(card: Card): string[] {
  if (card.vendor !== 'nvidia' || card.class !== 'consumer') return []
  const full = denseRate(card, 'fp16', 'fp16')
  if (full === undefined) return ['fp16/fp16 is missing, which tells whether fp16/fp32 is halved']
  return (['fp16', 'bf16'] as const).flatMap((format) => {
    const halved = denseRate(card, format, 'fp32')
    if (halved !== undefined && isNear(full.value / halved.value, 2)) return []
    return [`${format}/fp32 is not half of fp16/fp16, as it is on every GeForce`]
  })
}

function lintMemory({ memory, usableMemory }: Card): string[] {
  if (usableMemory.value <= memory.value) return []
  return ['usableMemory is larger than memory']
}

/** An inferred clock that the chip cannot reach shows that a rate or the units are wrong. */
function lintClock({ clock, maxClock }: Card): string[] {
  if (maxClock === undefined || clock.value <= maxClock.value * (1 + TOLERANCE)) return []
  return ['clock is higher than maxClock']
}

const UNITS = {
  units: 'count',
  tensorCoresPerUnit: 'count',
  clock: 'Hz',
  maxClock: 'Hz',
  memory: 'B',
  usableMemory: 'B',
  bandwidth: 'B/s',
  l2: 'B',
  power: 'W',
  idlePower: 'W',
  hostLink: 'B/s',
} as const satisfies Partial<Record<keyof Card, string>>

function lintFigures(card: Card): string[] {
  const named = Object.entries(UNITS).flatMap(([name, unit]) => {
    const figure = card[name as keyof typeof UNITS]
    return figure === undefined ? [] : lintFigure(name, figure, unit)
  })
  const rates = card.rates.flatMap((rate) => lintFigure(label(rate), rate, 'FLOP/s'))
  const link = card.scaleUp === undefined ? [] : lintFigure('scaleUp', card.scaleUp.bandwidth)
  return [...named, ...rates, ...link]
}

function lintFigure(name: string, figure: Figure, unit: string = figure.unit): string[] {
  return [
    ...(figure.value > 0 && Number.isFinite(figure.value) ? [] : [`${name} is not positive`]),
    ...(figure.source === '' ? [`${name} names no source`] : []),
    ...(figure.unit === unit ? [] : [`${name} is in ${figure.unit}, not ${unit}`]),
  ]
}

const DATE = /^20\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$/

function lintPrice(price: Price): string[] {
  const name = `price ${price.kind} ${price.value}`
  return [
    ...lintFigure(name, price, priceUnit(price.kind)),
    ...(DATE.test(price.date) ? [] : [`${name} has no date but '${price.date}'`]),
    ...(price.venue === '' ? [`${name} does not say where`] : []),
  ]
}

function label({ format, accumulator }: Rate): string {
  return `${format}/${accumulator}`
}

function fastest(card: Card, format: NumberFormat): Rate | undefined {
  const rates = card.rates.filter((rate) => rate.format === format)
  return rates.sort((a, b) => b.value - a.value)[0]
}

function isNear(value: number, wanted: number): boolean {
  return Math.abs(value / wanted - 1) <= TOLERANCE
}

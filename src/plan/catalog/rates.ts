/** Which of a card's rates a matmul runs at. */
import type { Accumulator, Card, NumberFormat, Rate } from './card.js'

/** Without a word on the accumulator the widest counts: answers must not depend on the card. */
const WIDEST: readonly Accumulator[] = ['fp32', 'int32', 'fp16']

/** Dense rate of a format; undefined when the card has no unit for it. */
export function denseRate(
  card: Card,
  format: NumberFormat,
  accumulator?: Accumulator,
): Rate | undefined {
  const rates = card.rates.filter((rate) => rate.format === format)
  const wanted = accumulator === undefined ? WIDEST : [accumulator]
  return wanted
    .map((one) => rates.find((rate) => rate.accumulator === one))
    .find((rate) => rate !== undefined)
}

/** Bits of a value in a format, from the narrowest. Equal ones in the order they are preferred. */
const FORMAT_BITS: ReadonlyArray<readonly [format: NumberFormat, bits: number]> = [
  ['fp4', 4],
  ['fp8', 8],
  ['int8', 8],
  ['bf16', 16],
  ['fp16', 16],
  ['fp32', 32],
]

/** Scales add up to a bit to each weight of a block: 4.5 for MXFP4 and Q4_0, 8.5 for Q8_0. */
const SCALE_BITS = 1

export type MatmulRate = {
  readonly rate: Rate
  /** For people: `weights of 4.5 bits unpacked to bf16`. */
  readonly reason: string
}

/**
 * The rate at which a matmul with weights of `weightBits` runs: that of the fastest format which is
 * at least as wide as the weights, summed in 32 bits. Narrower weights are unpacked to it, which
 * costs nothing here. Undefined when the card has no such rate.
 */
export function matmulRate(card: Card, weightBits: number): MatmulRate | undefined {
  const fitting = FORMAT_BITS.flatMap(([format, bits]) => {
    const rate = bits + SCALE_BITS >= weightBits ? denseRate(card, format) : undefined
    return rate === undefined || rate.accumulator === 'fp16' ? [] : [{ rate, bits }]
  })
  const [first, ...others] = fitting
  if (first === undefined) return undefined
  const best = others.reduce((a, b) => (b.rate.value > a.rate.value ? b : a), first)
  return { rate: best.rate, reason: reasonOf(best, weightBits) }
}

function reasonOf({ rate, bits }: { rate: Rate; bits: number }, weightBits: number): string {
  const isNative = weightBits > bits - SCALE_BITS
  const how = isNative ? 'multiplied in' : 'unpacked to'
  return `weights of ${weightBits} bits ${how} ${rate.format}, summed in ${rate.accumulator}`
}

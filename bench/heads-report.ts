/** The tables of `heads`: what came through the port, how evenly, and how long it took. Pure. */
import { median, quantile } from '../src/base/statistics.js'
import type { Budget } from './heads-shared.js'
import type { Losses } from './namespaces.js'
import { judge, type Row } from './report.js'

const GOODPUT_MIN = 0.85

const NAMES: Readonly<Record<Budget, string>> = {
  shared: 'one budget for all',
  apart: 'one for each head',
  none: 'without credits',
}

/** Who sends, and how many bytes at a time. */
export type Case = { readonly budget: Budget; readonly loads: readonly number[] }

export type Measured = Case & {
  /** Of each turn and head: how long each dispatch took until its answer. */
  readonly turns: ReadonlyArray<ReadonlyArray<readonly number[]>>
  readonly losses: Losses
}

/** What a turn lasted, and the port lets through. */
export type Port = { readonly turnMs: number; readonly bytesPerSecond: number }

/** All heads send alike. */
export function equalRow(measured: Measured, port: Port): Row {
  const { budget, loads, turns, losses } = measured
  const shares = turns.map((ofHeads) => ofHeads.map((ms, i) => ms.length * (loads[i] ?? 0)))
  const evenness = shares.map((bytes) => Math.min(...bytes) / Math.max(...bytes))
  const goodput = median(shares.map((bytes) => goodputOf(bytes, port)))
  const ms = turns.flat(2)
  return {
    heads: loads.length,
    subject: NAMES[budget],
    goodput,
    'Jain index': median(shares.map(jainIndex)),
    'least/most': median(evenness),
    'in worst turn': Math.min(...evenness),
    'p50 ms': median(ms),
    'p99 ms': quantile(ms, 0.99),
    ...losses,
    ...(budget === 'shared' && {
      'goodput >= 0.85': judge(goodput, { atLeast: GOODPUT_MIN }).met ?? '',
    }),
  }
}

/** Pairs of cases: the first head alone, and the same beside another one. */
export function unequalRows(measured: readonly Measured[], port: Port): Row[] {
  return measured.map((one, i) => {
    const { budget, turns, losses } = one
    const ms = firstHeadMs(one)
    const rest = { 'p50 ms': median(ms), 'p99 ms': quantile(ms, 0.99), ...losses }
    const [, otherBytes] = one.loads
    const alone = measured[i - 1]
    if (otherBytes === undefined || alone === undefined) {
      return { subject: NAMES[budget], beside: 'nobody', ...rest }
    }
    const added = median(ms) - median(firstHeadMs(alone))
    const shares = turns.map(([, others = []]) => [others.length * otherBytes])
    return {
      subject: NAMES[budget],
      beside: 'a large one',
      ...rest,
      'p50 ratio': median(ms) / median(firstHeadMs(alone)),
      // Of the time that one dispatch of the other takes at least.
      'wait/large': (added * port.bytesPerSecond) / 1000 / otherBytes,
      'goodput of the other': median(shares.map((bytes) => goodputOf(bytes, port))),
    }
  })
}

/**
 * How evenly something is shared: 1 when all have the same, 1 / n when one has everything (Jain,
 * Chiu, Hawe: A Quantitative Measure of Fairness, DEC-TR-301, 1984). NaN when there is nothing.
 */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((all, share) => all + share, 0)
  const squares = shares.reduce((all, share) => all + share ** 2, 0)
  return sum ** 2 / (shares.length * squares)
}

function firstHeadMs({ turns }: Measured): number[] {
  return turns.flatMap(([first = []]) => first)
}

/** Of what the port lets through. */
function goodputOf(bytes: readonly number[], { turnMs, bytesPerSecond }: Port): number {
  const sum = bytes.reduce((all, one) => all + one, 0)
  return (1000 * sum) / turnMs / bytesPerSecond
}

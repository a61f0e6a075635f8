/**
 * A rental price that falls in a glut and rises while cards are scarce: a random walk of its
 * logarithm whose drift hangs on a hidden state, month by month. How likely a path is under it, and
 * where the price stands at its end: a switching Kalman filter (Kim, Journal of Econometrics 60,
 * 1994). Pure.
 */
import { assert, defined } from '../../base/assert.js'

/** All positive, of a month. */
export type Regimes = {
  /** By which the logarithm falls in a glut, and rises in scarcity. */
  readonly fall: number
  readonly rise: number
  /** Standard deviation of a month's change about that. */
  readonly volatility: number
  /** Chance to go from glut to scarcity, and back. */
  readonly enter: number
  readonly leave: number
}

export type Observation = { readonly month: number; readonly logUsd: number }

/** One normal distribution and its weight in a mixture. */
export type Belief = { readonly weight: number; readonly mean: number; readonly variance: number }

/** What is believed at the last observation, by state. */
export type Standing = { readonly glut: Belief; readonly scarcity: Belief }

export type Filtered = { readonly logLikelihood: number; readonly standing: Standing }

/**
 * Standard deviation of the logarithm of a quote about the price behind it: lists and contracts,
 * clouds and clouds differ so, by about a seventh.
 */
export const QUOTE_SPREAD = 0.15

/** Share of months with scarcity in the long run. */
function scarcityShare({ enter, leave }: Regimes): number {
  return enter / (enter + leave)
}

/** Observations in order of time, at most one a month. */
export function filterRegimes(regimes: Regimes, observations: readonly Observation[]): Filtered {
  assert(observations.length > 0, 'a price path without points')
  const first = defined(observations[0], 'first point')
  const scarce = scarcityShare(regimes)
  const start = { mean: first.logUsd, variance: QUOTE_SPREAD ** 2 }
  let standing: Standing = {
    glut: { ...start, weight: 1 - scarce },
    scarcity: { ...start, weight: scarce },
  }
  let month = first.month
  let logLikelihood = 0
  for (const { month: next, logUsd } of observations.slice(1)) {
    assert(next > month, 'points of a price path come in order of time')
    for (; month < next; month++) standing = advance(regimes, standing)
    const seen = observe(standing, logUsd)
    standing = seen.standing
    logLikelihood += seen.logLikelihood
  }
  return { logLikelihood, standing }
}

function advance(regimes: Regimes, { glut, scarcity }: Standing): Standing {
  const { fall, rise, volatility, enter, leave } = regimes
  const later = (weights: readonly [number, number], drift: number): Belief => {
    const mixed = merge(scale(glut, weights[0]), scale(scarcity, weights[1]))
    const variance = mixed.variance + volatility ** 2
    return { weight: mixed.weight, mean: mixed.mean + drift, variance }
  }
  return { glut: later([1 - enter, leave], -fall), scarcity: later([enter, 1 - leave], rise) }
}

function observe(standing: Standing, logUsd: number): Filtered {
  const glut = update(standing.glut, logUsd)
  const scarcity = update(standing.scarcity, logUsd)
  const likelihood = glut.weight + scarcity.weight
  return {
    logLikelihood: Math.log(Math.max(likelihood, Number.MIN_VALUE)),
    standing: { glut: scale(glut, 1 / likelihood), scarcity: scale(scarcity, 1 / likelihood) },
  }
}

/** The belief after a quote; its weight is the joint likelihood of state and quote. */
function update({ weight, mean, variance }: Belief, logUsd: number): Belief {
  const spread = variance + QUOTE_SPREAD ** 2
  const off = logUsd - mean
  const density = Math.exp(-(off ** 2) / (2 * spread)) / Math.sqrt(2 * Math.PI * spread)
  const gain = variance / spread
  return { weight: weight * density, mean: mean + gain * off, variance: variance * (1 - gain) }
}

function scale(belief: Belief, by: number): Belief {
  return { ...belief, weight: belief.weight * by }
}

/** One normal distribution with the mean and variance of two. */
function merge(a: Belief, b: Belief): Belief {
  const weight = a.weight + b.weight
  const mean = (a.weight * a.mean + b.weight * b.mean) / weight
  const about = (belief: Belief): number => belief.variance + (belief.mean - mean) ** 2
  return { weight, mean, variance: (a.weight * about(a) + b.weight * about(b)) / weight }
}

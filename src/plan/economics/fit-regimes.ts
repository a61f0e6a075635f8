/**
 * Which regimes a price path allows: a sample of the posterior, by random-walk Metropolis. A
 * handful of points decide little alone, so what was known of earlier shortages enters as a prior,
 * and what stays open stays open in the forecast.
 */
import { Prng } from '../../base/prng.js'
import { monthNumber, type PricePoint } from './price-path.js'
import { filterRegimes, type Observation, type Regimes, type Standing } from './regimes.js'

type Name = keyof Regimes

/** Log-normal: its median and the standard deviation of its logarithm. */
type Prior = { readonly median: number; readonly logSd: number; readonly why: string }

/** None of them uses a price after 2022. */
export const PRIORS: Readonly<Record<Name, Prior>> = {
  fall: { median: 0.04, logSd: 0.7, why: 'hardware halves in value in about a year and a half' },
  rise: {
    median: 0.03,
    logSd: 0.7,
    why: 'mean price of a graphics card 400 in 2019, almost 800 in 2021 (Jon Peddie Research)',
  },
  volatility: { median: 0.08, logSd: 0.7, why: 'a quarter in a year, as of traded commodities' },
  enter: { median: 1 / 48, logSd: 0.7, why: 'shortages of cards began in 2017 and in 2020' },
  leave: { median: 1 / 15, logSd: 0.5, why: 'they lasted about one year and one and a half' },
}

const NAMES = ['fall', 'rise', 'volatility', 'enter', 'leave'] as const satisfies readonly Name[]
/** Chances above it are no chances of a month. */
const CHANCE_MAX = 0.9
/** Longest step, in standard deviations of the prior; a long path takes the short ones. */
const STEP = 1.5
const BURN_IN = 2_000
const THIN = 8
const DRAWS = 1_000

/** One set of regimes that the path allows, and where the price then stands at its end. */
export type Draw = { readonly regimes: Regimes; readonly standing: Standing }

export type PriceModel = {
  readonly draws: readonly Draw[]
  /** Month of the last point, as `monthNumber` counts. */
  readonly lastMonth: number
  /** Share of proposals taken; far from a quarter the sample is poor. */
  readonly acceptance: number
}

type State = Draw & { readonly logPosterior: number; readonly logs: readonly number[] }

/** Same points and seed, same model. */
export function fitRegimes(points: readonly PricePoint[], seed: number): PriceModel {
  const random = Prng.fromSeed(seed)
  const observations = points.map(toObservation)
  const evaluate = (logs: readonly number[]): State => stateAt(logs, observations)
  let state = evaluate(NAMES.map((name) => Math.log(PRIORS[name].median)))
  let taken = 0
  const draws: Draw[] = []
  const steps = BURN_IN + DRAWS * THIN
  for (let step = 1; step <= steps; step++) {
    const length = STEP * random.nextFloat()
    const logs = state.logs.map(
      (log, at) => log + length * priorAt(at).logSd * random.nextGaussian(),
    )
    const proposal = evaluate(logs)
    if (Math.log(random.nextFloat()) < proposal.logPosterior - state.logPosterior) {
      state = proposal
      taken++
    }
    if (step > BURN_IN && step % THIN === 0) draws.push(state)
  }
  return { draws, lastMonth: observations.at(-1)?.month ?? 0, acceptance: taken / steps }
}

function toObservation({ month, usd }: PricePoint): Observation {
  return { month: monthNumber(month), logUsd: Math.log(usd) }
}

function priorAt(at: number): Prior {
  return PRIORS[NAMES[at] ?? 'fall']
}

function stateAt(logs: readonly number[], observations: readonly Observation[]): State {
  const [fall = 0, rise = 0, volatility = 0, enter = 0, leave = 0] = logs.map(Math.exp)
  const regimes = { fall, rise, volatility, enter, leave }
  const { logLikelihood, standing } = filterRegimes(regimes, observations)
  const isPossible = enter < CHANCE_MAX && leave < CHANCE_MAX
  const logPrior = logs.reduce((sum, log, at) => {
    const { median, logSd } = priorAt(at)
    return sum - ((log - Math.log(median)) / logSd) ** 2 / 2
  }, 0)
  const logPosterior = isPossible ? logLikelihood + logPrior : Number.NEGATIVE_INFINITY
  return { regimes, standing, logs, logPosterior }
}

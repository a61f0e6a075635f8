/** When requests come: at a steady rate, by the hour of the day, or a wave. Seconds, seeded. */
import { assert } from '../../base/assert.js'
import type { Prng } from '../../base/prng.js'
import { HOURS_PER_DAY, SECONDS_PER_HOUR } from '../../base/units.js'

/** Requests per second over the time of day; `highest` is never exceeded. */
export type Rate = { readonly at: (seconds: number) => number; readonly highest: number }

const DAY_S = HOURS_PER_DAY * SECONDS_PER_HOUR

export function steadyRate(perSecond: number): Rate {
  return { at: () => perSecond, highest: perSecond }
}

/**
 * A sinus over the day around `perSecond`, highest at `peakHour`.
 * @param swing 0: steady; 1: nobody comes half a day from the peak
 */
export function dailyWave(
  perSecond: number,
  { swing, peakHour }: { swing: number; peakHour: number },
): Rate {
  assert(swing >= 0 && swing <= 1, `a swing of ${swing}`)
  const at = (seconds: number): number => {
    const turn = (seconds - peakHour * SECONDS_PER_HOUR) / DAY_S
    return perSecond * (1 + swing * Math.cos(2 * Math.PI * turn))
  }
  return { at, highest: perSecond * (1 + swing) }
}

/** `shares`: of the hours of a day, from midnight on, in any unit; their mean is `perSecond`. */
export function hourlyRate(perSecond: number, shares: readonly number[]): Rate {
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
  assert(mean > 0, 'a day without requests')
  const rates = shares.map((share) => (perSecond * share) / mean)
  const at = (seconds: number): number =>
    rates[Math.floor(seconds / SECONDS_PER_HOUR) % rates.length] ?? 0
  return { at, highest: Math.max(...rates) }
}

/** Independent arrivals at a rate that changes: thinning (Lewis and Shedler 1979). */
export class Arrivals {
  readonly #rate: Rate
  readonly #prng: Prng
  #nowS = 0

  constructor(rate: Rate, prng: Prng) {
    assert(rate.highest > 0 && Number.isFinite(rate.highest), `a rate of ${rate.highest}`)
    this.#rate = rate
    this.#prng = prng
  }

  /** Time of the next one, after the one before. */
  next(): number {
    const { at, highest } = this.#rate
    do {
      this.#nowS += this.#prng.nextExponential() / highest
    } while (this.#prng.nextFloat() * highest >= at(this.#nowS))
    return this.#nowS
  }
}

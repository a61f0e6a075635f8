/** The requests of a simulation, one after the other: made up, or as recorded. */
import { Prng } from '../../base/prng.js'
import { Arrivals, type Rate } from './arrivals.js'
import { drawLength, type Lengths } from './lengths.js'

export type Request = {
  readonly arrivalS: number
  readonly promptTokens: number
  readonly outputTokens: number
}

export type RequestSource = {
  /** Arrivals ascend; undefined: no more. */
  next(): Request | undefined
}

export type TrafficOptions = {
  readonly rate: Rate
  readonly prompts: Lengths
  readonly outputs: Lengths
  /** Most tokens of a prompt and its answer together; longer ones are cut. */
  readonly contextLength: number
  /** No request comes from here on. */
  readonly durationS: number
  readonly seed: number
}

export class Traffic implements RequestSource {
  readonly #options: TrafficOptions
  readonly #arrivals: Arrivals
  readonly #prng: Prng

  constructor(options: TrafficOptions) {
    this.#options = options
    this.#prng = Prng.fromSeed(options.seed)
    this.#arrivals = new Arrivals(options.rate, Prng.fromSeed(this.#prng.nextU32()))
  }

  next(): Request | undefined {
    const { prompts, outputs, contextLength, durationS } = this.#options
    const arrivalS = this.#arrivals.next()
    if (arrivalS >= durationS) return undefined
    const promptTokens = drawLength(prompts, this.#prng, contextLength - 1)
    const outputTokens = drawLength(outputs, this.#prng, contextLength - promptTokens)
    return { arrivalS, promptTokens, outputTokens }
  }
}

/** Recorded ones, in order of arrival, before `durationS`. */
export function replay(requests: readonly Request[], durationS: number): RequestSource {
  let at = 0
  return {
    next: () => {
      const request = requests[at++]
      return request === undefined || request.arrivalS >= durationS ? undefined : request
    },
  }
}

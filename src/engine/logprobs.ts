/**
 * Log-probabilities of tokens from raw logits, before penalties and temperature. Numbers are always
 * finite. Knows tokens by number only.
 */

/** Stands for minus infinity and for anything that is not a number. */
export const LOGPROB_FLOOR = -9999

export type RankedToken = { readonly token: number; readonly logprob: number }

/** Log-probability of `token`, and the `topCount` most likely tokens, most likely first. */
export function tokenLogprobs(
  logits: Float32Array,
  options: { readonly token: number; readonly topCount: number },
): { readonly logprob: number; readonly top: readonly RankedToken[] } {
  const { token, topCount } = options
  const top = new TopTokens(topCount)
  let max = -Infinity
  let sum = 0
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] ?? 0
    if (logit > top.threshold) top.insert(i, logit)
    if (logit > max) {
      sum = sum * Math.exp(max - logit) + 1
      max = logit
    } else if (logit > -Infinity) {
      sum += Math.exp(logit - max)
    }
  }
  const logSum = max + Math.log(sum)
  return {
    logprob: finite((logits[token] ?? -Infinity) - logSum),
    top: top.ranked().map(({ token: id, logprob }) => ({
      token: id,
      logprob: finite(logprob - logSum),
    })),
  }
}

function finite(logprob: number): number {
  return Number.isFinite(logprob) ? Math.max(logprob, LOGPROB_FLOOR) : LOGPROB_FLOOR
}

/** The largest of a stream of values; of equals the first one stays in front. */
class TopTokens {
  readonly #count: number
  readonly #tokens: number[] = []
  readonly #values: number[] = []
  /** A value has to be above this to get in. */
  threshold: number

  constructor(count: number) {
    this.#count = count
    this.threshold = count > 0 ? -Infinity : Infinity
  }

  insert(token: number, value: number): void {
    let at = this.#values.length
    while (at > 0 && value > (this.#values[at - 1] ?? -Infinity)) at--
    this.#values.splice(at, 0, value)
    this.#tokens.splice(at, 0, token)
    if (this.#values.length > this.#count) {
      this.#values.pop()
      this.#tokens.pop()
    }
    if (this.#values.length === this.#count) this.threshold = this.#values.at(-1) ?? -Infinity
  }

  ranked(): RankedToken[] {
    return this.#tokens.map((token, i) => ({ token, logprob: this.#values[i] ?? -Infinity }))
  }
}

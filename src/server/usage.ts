/**
 * Usage and timings of a whole request, in the OpenAI and llama-server forms. Pure.
 */
import type { Usage } from '../engine/protocol.js'

export type UsageBody = {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details: { readonly cached_tokens: number }
}

export type TimingsBody = {
  readonly cache_n: number
  readonly prompt_n: number
  readonly prompt_ms: number
  readonly prompt_per_second: number
  readonly predicted_n: number
  readonly predicted_ms: number
  readonly predicted_per_second: number
}

/** Sums sequences; `perPrompt` choices share a prompt, which counts once. */
export class UsageTotal {
  readonly #perPrompt: number
  #promptTokens = 0
  #cachedTokens = 0
  #completionTokens = 0
  #first: Usage | undefined

  constructor(perPrompt: number) {
    this.#perPrompt = perPrompt
  }

  add(index: number, usage: Usage): void {
    this.#completionTokens += usage.completionTokens
    if (index === 0) this.#first = usage
    if (index % this.#perPrompt !== 0) return
    this.#promptTokens += usage.promptTokens
    this.#cachedTokens += usage.cachedTokens
  }

  usage(): UsageBody {
    return {
      prompt_tokens: this.#promptTokens,
      completion_tokens: this.#completionTokens,
      total_tokens: this.#promptTokens + this.#completionTokens,
      prompt_tokens_details: { cached_tokens: this.#cachedTokens },
    }
  }

  /** Of the first sequence: times of sequences that ran together do not add up. */
  timings(): TimingsBody | undefined {
    if (this.#first === undefined) return undefined
    const { promptTokens, cachedTokens, completionTokens, timings } = this.#first
    const computed = promptTokens - cachedTokens
    return {
      cache_n: cachedTokens,
      prompt_n: computed,
      prompt_ms: timings.prefill * 1000,
      prompt_per_second: perSecond(computed, timings.prefill),
      predicted_n: completionTokens,
      predicted_ms: timings.decode * 1000,
      predicted_per_second: perSecond(completionTokens, timings.decode),
    }
  }
}

export function perSecond(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0
}

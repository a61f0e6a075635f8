/** Dollars of a million tokens, margins, and the speed at which two offers cost the same. */
import { SECONDS_PER_HOUR } from '../../base/units.js'

const TOKENS_PER_MTOK = 1e6

/** Millions of tokens. */
export function hourMtok(tokensPerSecond: number): number {
  return (SECONDS_PER_HOUR * tokensPerSecond) / TOKENS_PER_MTOK
}

/** Total tokens or output tokens, as `tokensPerSecond` counts them. */
export function usdPerMtok(hourUsd: number, tokensPerSecond: number): number {
  return hourUsd / hourMtok(tokensPerSecond)
}

/** Tokens per second at which `hourUsd` buys tokens for `mtokUsd` a million. */
export function tieTokensPerSecond(hourUsd: number, mtokUsd: number): number {
  return (hourUsd / SECONDS_PER_HOUR / mtokUsd) * TOKENS_PER_MTOK
}

/** Tokens of one time, in millions. */
export type TokenVolume = {
  readonly inputMtok: number
  /** Of `inputMtok`, what a cache had already. */
  readonly cachedShare: number
  readonly outputMtok: number
}

/** US dollars of a million tokens. */
export type TokenPrices = {
  readonly inputUsd: number
  readonly cachedInputUsd: number
  readonly outputUsd: number
}

export function revenueUsd(volume: TokenVolume, prices: TokenPrices): number {
  const { inputMtok, cachedShare, outputMtok } = volume
  const freshUsd = inputMtok * (1 - cachedShare) * prices.inputUsd
  return freshUsd + inputMtok * cachedShare * prices.cachedInputUsd + outputMtok * prices.outputUsd
}

/** Profit as a share of what comes in: at most 1. */
export function grossMargin(incomeUsd: number, costUsd: number): number {
  return (incomeUsd - costUsd) / incomeUsd
}

/** Profit as a share of what goes out: 545 % where the gross margin is 84.5 %. */
export function markup(incomeUsd: number, costUsd: number): number {
  return (incomeUsd - costUsd) / costUsd
}

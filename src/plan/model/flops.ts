/**
 * Floating-point operations of a token, two for each multiply-add, counted from a model's shape.
 * Norms, softmax, rotations and activations are left out. Knows nothing of cards.
 */
import type { Attention, ModelShape } from './shape.js'
import { countParameters, overLayers, pageParameters } from './sizes.js'

export type FlopCounts = {
  readonly attentionProjections: number
  readonly attentionScores: number
  readonly router: number
  readonly sharedExperts: number
  readonly denseFfn: number
  readonly routedExperts: number
  readonly outputHead: number
}

/**
 * In decode latent attention works on the compressed rows themselves, in prefill on keys and values
 * made of them: more products against fewer bytes (arXiv 2405.04434, section 2.1.2).
 */
export type Phase = 'prefill' | 'decode'

/** Of one token that sees `context` tokens, itself included. */
export function flopsPerToken(
  shape: ModelShape,
  { context, phase }: { readonly context: number; readonly phase: Phase },
): FlopCounts {
  const counts = countParameters(shape)
  const sights = overLayers(shape, (limit) => Math.min(context, limit))
  return {
    attentionProjections: 2 * counts.attention,
    attentionScores: sights * pairFlops(shape.attention, phase),
    router: 2 * counts.router,
    sharedExperts: 2 * counts.sharedExperts,
    denseFfn: 2 * counts.denseFfn,
    routedExperts: 2 * shape.moeLayers * shape.expertsUsed * pageParameters(shape),
    outputHead: 2 * shape.hidden * shape.vocabulary,
  }
}

export function totalFlops(counts: FlopCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** Attention scores of a whole prompt of `tokens` of which the first `cached` are there already. */
export function promptScoreFlops(
  shape: ModelShape,
  { tokens, cached }: { readonly tokens: number; readonly cached: number },
): number {
  const seen = (limit: number): number => sightsUpTo(tokens, limit) - sightsUpTo(cached, limit)
  return overLayers(shape, seen) * pairFlops(shape.attention, 'prefill')
}

/** Tokens seen by the first `tokens` of a sequence, of which none sees more than `limit`. */
function sightsUpTo(tokens: number, limit: number): number {
  const growing = Math.min(tokens, limit)
  return (growing * (growing + 1)) / 2 + (tokens - growing) * Math.min(limit, tokens)
}

/** Of one token that sees one other in one layer: score and weighted sum, all heads. */
function pairFlops(attention: Attention, phase: Phase): number {
  if (attention.kind === 'grouped') return 4 * attention.heads * attention.headDim
  const { heads, kvRank, nopeDim, ropeDim, valueDim } = attention
  if (phase === 'decode') return 2 * heads * (kvRank + ropeDim + kvRank)
  return 2 * heads * (nopeDim + ropeDim + valueDim)
}

/** What a model asks of machines: bytes to read and FLOPs, by part, counted once for many steps. */
import type { Card } from '../catalog/card.js'
import { matmulRate } from '../catalog/rates.js'
import { flopsPerToken, type Phase } from '../model/flops.js'
import type { ModelShape } from '../model/shape.js'
import {
  countParameters,
  expertBytes,
  kvBytes,
  pageBytes,
  pageParameters,
  trunkBytes,
  trunkBytesPerStep,
} from '../model/sizes.js'
import type { CostOptions } from './options.js'
import { Routing } from './routing.js'

/** Of all layers: weights that every step reads, and the work of one token. */
export type Weights = { readonly bytes: number; readonly flopsPerToken: number }

export type ModelWork = {
  readonly shape: ModelShape
  readonly routing: Routing
  /** All but the routed experts. */
  readonly trunkBytes: number
  /** One routed expert of one layer. */
  readonly pageBytes: number
  readonly pageFlops: number
  readonly allPageBytes: number
  readonly attention: Weights
  readonly router: Weights
  readonly shared: Weights
  readonly dense: Weights
  readonly output: Weights
  readonly cacheBytesPerValue: number
  /** Of scores and sums, for each byte of KV cache that one token looks back on. */
  readonly scoreFlopsPerByte: { readonly prefill: number; readonly decode: number }
  /** Of cards that were asked about before. */
  readonly cardRates: WeakMap<Card, CardRates>
}

/** Dense FLOP per second on trunk weights, on expert weights, and on scores over the KV cache. */
export type CardRates = {
  readonly trunk: number
  readonly experts: number
  readonly cache: number
}

export function modelWork(
  shape: ModelShape,
  { popularity, cacheBytesPerValue }: Pick<CostOptions, 'popularity' | 'cacheBytesPerValue'>,
): ModelWork {
  const counts = countParameters(shape)
  const output = shape.hidden * shape.vocabulary
  const { attention, router, sharedExperts, denseFfn } = counts
  const read = attention + router + sharedExperts + denseFfn + output
  const bytesPerParameter = trunkBytesPerStep(shape) / read
  const weights = (parameters: number): Weights => ({
    bytes: parameters * bytesPerParameter,
    flopsPerToken: 2 * parameters,
  })
  return {
    shape,
    routing: new Routing(shape, popularity),
    trunkBytes: trunkBytes(shape),
    pageBytes: pageBytes(shape),
    pageFlops: 2 * pageParameters(shape),
    allPageBytes: expertBytes(shape),
    attention: weights(attention),
    router: weights(router),
    shared: weights(sharedExperts),
    dense: weights(denseFfn),
    output: weights(output),
    cacheBytesPerValue,
    scoreFlopsPerByte: {
      prefill: scoreFlopsPerByte(shape, { phase: 'prefill', cacheBytesPerValue }),
      decode: scoreFlopsPerByte(shape, { phase: 'decode', cacheBytesPerValue }),
    },
    cardRates: new WeakMap(),
  }
}

/** Scores and bytes both grow with the rows seen, windows or not. */
function scoreFlopsPerByte(
  shape: ModelShape,
  { phase, cacheBytesPerValue }: { readonly phase: Phase; readonly cacheBytesPerValue: number },
): number {
  const rowBytes = kvBytes(shape, { tokens: 1, valueBytes: cacheBytesPerValue })
  return flopsPerToken(shape, { context: 1, phase }).attentionScores / rowBytes
}

/** Undefined rates are the processor's, that has to do what the card has no unit for. */
export function cardRates(
  { shape, cardRates: known }: ModelWork,
  { card, elseFlops }: { readonly card: Card; readonly elseFlops: number },
): CardRates {
  const found = known.get(card)
  if (found !== undefined) return found
  const rate = (bits: number): number => matmulRate(card, bits)?.rate.value ?? elseFlops
  const { trunk, experts } = shape.bits
  const rates = { trunk: rate(trunk), experts: rate(experts), cache: rate(CACHE_BITS) }
  known.set(card, rates)
  return rates
}

/** Scores are computed in at least that, whatever the cache is kept in. */
const CACHE_BITS = 16

/** Bytes of the KV cache of one sequence of that many tokens. */
export function cacheBytes({ shape, cacheBytesPerValue }: ModelWork, tokens: number): number {
  return kvBytes(shape, { tokens, valueBytes: cacheBytesPerValue })
}

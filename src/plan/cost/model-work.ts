/** What a model asks of machines: bytes to read and FLOPs, by part, counted once for many steps. */
import { flopsPerToken } from '../model/flops.js'
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
  }
}

/** Bytes of the KV cache of one sequence of that many tokens. */
export function cacheBytes({ shape, cacheBytesPerValue }: ModelWork, tokens: number): number {
  return kvBytes(shape, { tokens, valueBytes: cacheBytesPerValue })
}

/** Of scores and sums of one token that sees `context` tokens. */
export function cacheFlops(
  { shape }: ModelWork,
  at: { readonly context: number; readonly phase: 'prefill' | 'decode' },
): number {
  return flopsPerToken(shape, at).attentionScores
}

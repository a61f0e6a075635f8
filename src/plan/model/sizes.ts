/**
 * Parameters and bytes of a model, counted from its shape. Norms and biases are left out; they are
 * under one part in two thousand of every built-in model. Knows nothing of cards.
 */
import type { Attention, ModelShape } from './shape.js'

/** Weights by part, in all layers together. */
export type ParameterCounts = {
  /** A table to look up, never multiplied. */
  readonly embedding: number
  /** 0 when it is the embedding itself. */
  readonly outputHead: number
  readonly attention: number
  readonly router: number
  readonly sharedExperts: number
  readonly denseFfn: number
  readonly routedExperts: number
}

export function countParameters(shape: ModelShape): ParameterCounts {
  const { hidden, moeLayers, layers } = shape
  const table = hidden * shape.vocabulary
  return {
    embedding: table,
    outputHead: shape.tiedEmbedding === true ? 0 : table,
    attention: layers * attentionParameters(shape.attention, hidden),
    router: moeLayers * shape.experts * hidden,
    sharedExperts: moeLayers * ffnParameters(shape, shape.sharedFfn),
    denseFfn: (layers - moeLayers) * ffnParameters(shape, shape.denseFfn),
    routedExperts: pageCount(shape) * pageParameters(shape),
  }
}

/** Of one layer: the projections to queries, keys and values, and back. */
function attentionParameters(attention: Attention, hidden: number): number {
  const { heads } = attention
  if (attention.kind === 'grouped') {
    const { kvHeads, headDim } = attention
    return hidden * headDim * (2 * heads + 2 * kvHeads)
  }
  const { queryRank, kvRank, nopeDim, ropeDim, valueDim } = attention
  const queryDim = heads * (nopeDim + ropeDim)
  const query = queryRank === 0 ? hidden * queryDim : queryRank * (hidden + queryDim)
  const keyValue = hidden * (kvRank + ropeDim) + kvRank * heads * (nopeDim + valueDim)
  return query + keyValue + heads * valueDim * hidden
}

function ffnParameters({ hidden, ffnMatrices }: ModelShape, width: number): number {
  return ffnMatrices * hidden * width
}

export function totalParameters(shape: ModelShape): number {
  return Object.values(countParameters(shape)).reduce((sum, count) => sum + count, 0)
}

/** Everything but the routed experts. */
export function trunkParameters(shape: ModelShape): number {
  return totalParameters(shape) - countParameters(shape).routedExperts
}

/** Weights that one token is multiplied with; the embedding is looked up only. */
export function activeParameters(shape: ModelShape): number {
  const counts = countParameters(shape)
  const head = shape.hidden * shape.vocabulary
  const experts = shape.moeLayers * shape.expertsUsed * pageParameters(shape)
  return counts.attention + counts.router + counts.sharedExperts + counts.denseFfn + head + experts
}

/** A page is one routed expert of one layer. */
export function pageCount({ moeLayers, experts }: ModelShape): number {
  return moeLayers * experts
}

export function pageParameters(shape: ModelShape): number {
  return ffnParameters(shape, shape.expertFfn)
}

/** Mean of all pages where a file mixes formats. */
export function pageBytes(shape: ModelShape): number {
  return expertBytes(shape) / Math.max(1, pageCount(shape))
}

/** Of all routed experts, without replicas. */
export function expertBytes(shape: ModelShape): number {
  if (shape.exact !== undefined) return shape.exact.expertBytes
  return (countParameters(shape).routedExperts * shape.bits.experts) / 8
}

export function trunkBytes(shape: ModelShape): number {
  if (shape.exact !== undefined) return shape.exact.trunkBytes
  const { trunk, embedding = trunk } = shape.bits
  const tables = embeddingParameters(shape)
  return ((trunkParameters(shape) - tables) * trunk + tables * embedding) / 8
}

/**
 * Of the trunk, what every step reads whatever its batch: all but the embedding, of which a token
 * needs one row.
 */
export function trunkBytesPerStep(shape: ModelShape): number {
  if (shape.tiedEmbedding === true) return trunkBytes(shape)
  const { trunk, embedding = trunk } = shape.bits
  return trunkBytes(shape) - (countParameters(shape).embedding * embedding) / 8
}

function embeddingParameters(shape: ModelShape): number {
  const { embedding, outputHead } = countParameters(shape)
  return embedding + outputHead
}

/**
 * Bytes of the KV cache of one sequence of `tokens`: keys and values of each layer, of a window no
 * more than it sees; with latent attention one compressed row (arXiv 2405.04434, section 2.1).
 * `valueBytes`: of one cached number, 2 for f16.
 */
export function kvBytes(shape: ModelShape, { tokens, valueBytes }: KvSize): number {
  const rows = overLayers(shape, (limit) => Math.min(tokens, limit))
  return rows * kvRowValues(shape.attention) * valueBytes
}

export type KvSize = { readonly tokens: number; readonly valueBytes: number }

/** The sum over all layers of what `ofLayer` says of one that sees no more than `limit` tokens. */
export function overLayers(
  { attention, layers }: ModelShape,
  ofLayer: (limit: number) => number,
): number {
  const window = attention.kind === 'grouped' ? attention.window : undefined
  if (window === undefined) return layers * ofLayer(Infinity)
  return (layers - window.layers) * ofLayer(Infinity) + window.layers * ofLayer(window.tokens)
}

/** Numbers that a layer keeps of a token. */
function kvRowValues(attention: Attention): number {
  if (attention.kind === 'latent') return attention.kvRank + attention.ropeDim
  return 2 * attention.kvHeads * attention.headDim
}

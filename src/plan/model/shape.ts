/** A Mixture-of-Experts model in numbers: all that planning and simulation need to know of it. */

/** Grouped-query attention; `window` layers see only so many tokens back. */
export type GroupedAttention = {
  readonly kind: 'grouped'
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly window?: { readonly layers: number; readonly tokens: number }
}

/** Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): one compressed row per token. */
export type LatentAttention = {
  readonly kind: 'latent'
  readonly heads: number
  /** 0: queries are not compressed. */
  readonly queryRank: number
  readonly kvRank: number
  readonly nopeDim: number
  readonly ropeDim: number
  readonly valueDim: number
}

export type Attention = GroupedAttention | LatentAttention

/** Bits of one weight as stored, scales included. */
export type WeightBits = {
  readonly trunk: number
  readonly experts: number
  /** Of the embedding and the output head where they are kept apart; else as the trunk. */
  readonly embedding?: number
}

export type ModelShape = {
  readonly id: string
  readonly name: string
  /** Where the numbers come from: a path, a repository's config.json, a paper. */
  readonly source: string
  readonly hidden: number
  readonly vocabulary: number
  /** Whether the output head is the embedding itself. Default: a matrix of its own. */
  readonly tiedEmbedding?: boolean
  /** All transformer layers. */
  readonly layers: number
  /** Those with routed experts; the others have a dense FFN of `denseFfn`. */
  readonly moeLayers: number
  readonly experts: number
  readonly expertsUsed: number
  /** Width of one routed expert. */
  readonly expertFfn: number
  /** Width of all shared experts of a layer together; 0 without. */
  readonly sharedFfn: number
  readonly denseFfn: number
  /** Matrices of an FFN: 3 with a gate, else 2. */
  readonly ffnMatrices: 2 | 3
  readonly attention: Attention
  readonly bits: WeightBits
  /** Of a GGUF: as its tensors are. Otherwise counted from the shape and `bits`. */
  readonly exact?: { readonly trunkBytes: number; readonly expertBytes: number }
  readonly contextLength: number
}

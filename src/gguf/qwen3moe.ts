/** Describes a qwen3moe model of any size, for the models that are made rather than trained. */

import type { Metadata, TensorInfo } from './encode-header.js'
import type { ModelDescription } from './random-model.js'

export type Qwen3MoeShape = {
  readonly name: string
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly experts: number
  readonly expertsUsed: number
  readonly expertWidth: number
  readonly vocabulary: number
  readonly contextLength: number
}

/** Metadata (without a tokenizer) and tensors, all f32. */
export function describeQwen3Moe(shape: Qwen3MoeShape): ModelDescription {
  const layers = Array.from({ length: shape.layers }, (_, layer) => layerTensors(shape, layer))
  const { width, vocabulary } = shape
  return {
    metadata: describeMetadata(shape),
    tensors: [
      { name: 'token_embd.weight', type: 'f32', shape: [width, vocabulary] },
      ...layers.flat(),
      { name: 'output_norm.weight', type: 'f32', shape: [width] },
      { name: 'output.weight', type: 'f32', shape: [width, vocabulary] },
    ],
  }
}

function describeMetadata(shape: Qwen3MoeShape): Metadata {
  const counts = {
    block_count: shape.layers,
    context_length: shape.contextLength,
    embedding_length: shape.width,
    feed_forward_length: shape.expertWidth,
    expert_feed_forward_length: shape.expertWidth,
    expert_count: shape.experts,
    expert_used_count: shape.expertsUsed,
    vocab_size: shape.vocabulary,
    'attention.head_count': shape.heads,
    'attention.head_count_kv': shape.kvHeads,
    'attention.key_length': shape.headDim,
    'attention.value_length': shape.headDim,
  }
  return {
    'general.architecture': { type: 'str', value: 'qwen3moe' },
    'general.name': { type: 'str', value: shape.name },
    ...Object.fromEntries(
      Object.entries(counts).map(([key, value]) => [`qwen3moe.${key}`, { type: 'u32', value }]),
    ),
    'qwen3moe.attention.layer_norm_rms_epsilon': { type: 'f32', value: 1e-6 },
    'qwen3moe.rope.freq_base': { type: 'f32', value: 1_000_000 },
  }
}

function layerTensors(shape: Qwen3MoeShape, layer: number): TensorInfo[] {
  const { width, heads, kvHeads, headDim, experts, expertWidth } = shape
  const shapes: Record<string, number[]> = {
    attn_norm: [width],
    attn_q: [width, heads * headDim],
    attn_k: [width, kvHeads * headDim],
    attn_v: [width, kvHeads * headDim],
    attn_q_norm: [headDim],
    attn_k_norm: [headDim],
    attn_output: [heads * headDim, width],
    ffn_norm: [width],
    ffn_gate_inp: [width, experts],
    ffn_gate_exps: [width, expertWidth, experts],
    ffn_up_exps: [width, expertWidth, experts],
    ffn_down_exps: [expertWidth, width, experts],
  }
  return Object.entries(shapes).map(([name, dims]) => ({
    name: `blk.${layer}.${name}.weight`,
    type: 'f32',
    shape: dims,
  }))
}

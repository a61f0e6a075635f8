/** The fields of a Hugging Face config.json that say what shape a model has; others are ignored. */
import { z } from 'zod'

const count = z.int().min(0).max(1e7).nullish()

const LAYERS_MAX = 10_000

/** Model types agree on most names; where they do not, all are here. */
export const CONFIG = z.looseObject({
  model_type: z.string().max(100),
  hidden_size: count,
  vocab_size: count,
  num_hidden_layers: z.int().min(0).max(LAYERS_MAX).nullish(),
  num_attention_heads: count,
  num_key_value_heads: count,
  head_dim: count,
  intermediate_size: count,
  intermediate_size_mlp: count,
  moe_intermediate_size: count,
  n_routed_experts: count,
  num_experts: count,
  num_local_experts: count,
  moe_num_experts: count,
  num_experts_per_tok: count,
  experts_per_token: count,
  moe_k: count,
  n_shared_experts: count,
  num_shared_experts: count,
  moe_num_shared_experts: count,
  shared_expert_intermediate_size: count,
  shared_intermediate_size: count,
  kv_lora_rank: count,
  q_lora_rank: count,
  qk_nope_head_dim: count,
  qk_rope_head_dim: count,
  v_head_dim: count,
  sliding_window: count,
  use_sliding_window: z.boolean().nullish(),
  layer_types: z.array(z.string()).nullish(),
  first_k_dense_replace: count,
  moe_layer_freq: z.union([count, z.array(z.int())]),
  decoder_sparse_step: count,
  mlp_only_layers: z.array(z.int()).nullish(),
  mlp_layer_types: z.array(z.string()).nullish(),
  interleave_moe_layer_step: count,
  max_position_embeddings: count,
  tie_word_embeddings: z.boolean().nullish(),
  hidden_act: z.string().nullish(),
  dtype: z.string().nullish(),
  torch_dtype: z.string().nullish(),
  quantization_config: z.looseObject({ quant_method: z.string().nullish() }).nullish(),
})

export type ModelConfig = z.infer<typeof CONFIG>

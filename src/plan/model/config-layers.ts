/** Which layers of a config.json have routed experts: each family has its own way to say it. */
import type { ModelConfig } from './model-config.js'

/** How many of `layers` have routed experts. */
export function moeLayerCount(config: ModelConfig, layers: number): number {
  const { mlp_layer_types: types, moe_layer_freq: frequency } = config
  if (types) return types.filter((type) => type !== 'dense').length
  if (Array.isArray(frequency)) return frequency.filter((flag) => flag !== 0).length
  let moe = 0
  for (let layer = 0; layer < layers; layer++) if (hasExperts(config, layer)) moe++
  return moe
}

function hasExperts(config: ModelConfig, layer: number): boolean {
  const { moe_layer_freq: frequency } = config
  if (layer < (config.first_k_dense_replace ?? 0)) return false
  if (config.mlp_only_layers?.includes(layer)) return false
  // DeepSeek counts from the first layer, Qwen and Llama 4 from the one before it.
  if (typeof frequency === 'number' && frequency > 1 && layer % frequency !== 0) return false
  const step = config.decoder_sparse_step ?? config.interleave_moe_layer_step ?? 1
  return step <= 1 || (layer + 1) % step === 0
}

/** The format in which a checkpoint keeps its weights, by what its config.json says. */
import { z } from 'zod'
import type { ModelConfig } from './model-config.js'
import type { WeightBits } from './shape.js'
import { weightBits } from './weight-formats.js'

/** What llm-compressor writes, for example of Kimi-K2-Thinking. */
const COMPRESSED = z.object({
  config_groups: z.record(
    z.string(),
    z.object({ weights: z.object({ num_bits: z.int(), group_size: z.int().nullish() }) }),
  ),
})

/** Undefined when the format is none of those known. */
export function configBits(config: ModelConfig): WeightBits | undefined {
  const quantization = config.quantization_config
  if (!quantization) return plainBits(config.dtype ?? config.torch_dtype ?? 'bfloat16')
  if (quantization.quant_method === 'fp8') return weightBits('fp8')
  // Only experts are in it; attention, embedding and head stay in bf16.
  if (quantization.quant_method === 'mxfp4') return weightBits('bf16/mxfp4')
  if (quantization.quant_method === 'compressed-tensors') return compressedBits(quantization)
  return undefined
}

function plainBits(dtype: string): WeightBits | undefined {
  if (dtype === 'bfloat16' || dtype === 'float16') return weightBits('bf16')
  return dtype === 'float32' ? weightBits('f32') : undefined
}

function compressedBits(quantization: unknown): WeightBits | undefined {
  const parsed = COMPRESSED.safeParse(quantization)
  const [group] = parsed.success ? Object.values(parsed.data.config_groups) : []
  if (group?.weights.num_bits === 4 && group.weights.group_size === 32) {
    return weightBits('bf16/int4')
  }
  return group?.weights.num_bits === 8 ? weightBits('fp8') : undefined
}

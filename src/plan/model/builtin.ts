/**
 * Models that a plan knows by name, as their makers' config.json states them. Norms, biases and
 * layers for multi-token prediction are left out: those weigh nothing, these are optional.
 */
import { plain } from '../../base/nearest.js'
import type { GroupedAttention, LatentAttention, ModelShape } from './shape.js'
import { weightBits } from './weight-formats.js'

/** As DeepSeek-V3 has it (arXiv 2412.19437, section 4.2); Kimi K2 halves the heads. */
const latent = (heads: number): LatentAttention => ({
  kind: 'latent',
  heads,
  queryRank: 1536,
  kvRank: 512,
  nopeDim: 128,
  ropeDim: 64,
  valueDim: 128,
})

const grouped = (heads: number, kvHeads: number, headDim: number): GroupedAttention => ({
  kind: 'grouped',
  heads,
  kvHeads,
  headDim,
})

const DEEPSEEK_V3: ModelShape = {
  id: 'deepseek-v3',
  name: 'DeepSeek-V3',
  source: 'huggingface.co/deepseek-ai/DeepSeek-V3 config.json',
  hidden: 7168,
  vocabulary: 129_280,
  layers: 61,
  moeLayers: 58,
  experts: 256,
  expertsUsed: 8,
  expertFfn: 2048,
  sharedFfn: 2048,
  denseFfn: 18_432,
  ffnMatrices: 3,
  attention: latent(128),
  bits: weightBits('fp8'),
  contextLength: 163_840,
}

const KIMI_K2: ModelShape = {
  ...DEEPSEEK_V3,
  id: 'kimi-k2',
  name: 'Kimi K2',
  source: 'huggingface.co/moonshotai/Kimi-K2-Instruct config.json',
  vocabulary: 163_840,
  moeLayers: 60,
  experts: 384,
  attention: latent(64),
  contextLength: 131_072,
}

const QWEN3_235B: ModelShape = {
  id: 'qwen3-235b-a22b',
  name: 'Qwen3-235B-A22B',
  source: 'huggingface.co/Qwen/Qwen3-235B-A22B config.json',
  hidden: 4096,
  vocabulary: 151_936,
  layers: 94,
  moeLayers: 94,
  experts: 128,
  expertsUsed: 8,
  expertFfn: 1536,
  sharedFfn: 0,
  denseFfn: 0,
  ffnMatrices: 3,
  attention: grouped(64, 4, 128),
  bits: weightBits('bf16'),
  contextLength: 40_960,
}

const QWEN3_30B: ModelShape = {
  ...QWEN3_235B,
  id: 'qwen3-30b-a3b',
  name: 'Qwen3-30B-A3B',
  source: 'huggingface.co/Qwen/Qwen3-30B-A3B config.json',
  hidden: 2048,
  layers: 48,
  moeLayers: 48,
  expertFfn: 768,
  attention: grouped(32, 4, 128),
}

const GLM_4_5: ModelShape = {
  id: 'glm-4.5',
  name: 'GLM-4.5',
  source: 'huggingface.co/zai-org/GLM-4.5 config.json',
  hidden: 5120,
  vocabulary: 151_552,
  layers: 92,
  moeLayers: 89,
  experts: 160,
  expertsUsed: 8,
  expertFfn: 1536,
  sharedFfn: 1536,
  denseFfn: 12_288,
  ffnMatrices: 3,
  attention: grouped(96, 8, 128),
  bits: weightBits('bf16'),
  contextLength: 131_072,
}

const GLM_4_5_AIR: ModelShape = {
  ...GLM_4_5,
  id: 'glm-4.5-air',
  name: 'GLM-4.5-Air',
  source: 'huggingface.co/zai-org/GLM-4.5-Air config.json',
  hidden: 4096,
  layers: 46,
  moeLayers: 45,
  experts: 128,
  expertFfn: 1408,
  sharedFfn: 1408,
  denseFfn: 10_944,
}

const GPT_OSS_120B: ModelShape = {
  id: 'gpt-oss-120b',
  name: 'gpt-oss-120b',
  source: 'huggingface.co/openai/gpt-oss-120b config.json',
  hidden: 2880,
  vocabulary: 201_088,
  layers: 36,
  moeLayers: 36,
  experts: 128,
  expertsUsed: 4,
  expertFfn: 2880,
  sharedFfn: 0,
  denseFfn: 0,
  ffnMatrices: 3,
  attention: { ...grouped(64, 8, 64), window: { layers: 18, tokens: 128 } },
  bits: weightBits('bf16/mxfp4'),
  contextLength: 131_072,
}

const GPT_OSS_20B: ModelShape = {
  ...GPT_OSS_120B,
  id: 'gpt-oss-20b',
  name: 'gpt-oss-20b',
  source: 'huggingface.co/openai/gpt-oss-20b config.json',
  layers: 24,
  moeLayers: 24,
  experts: 32,
  attention: { ...grouped(64, 8, 64), window: { layers: 12, tokens: 128 } },
}

const MIXTRAL_8X7B: ModelShape = {
  id: 'mixtral-8x7b',
  name: 'Mixtral 8x7B',
  source: 'huggingface.co/mistralai/Mixtral-8x7B-v0.1 config.json',
  hidden: 4096,
  vocabulary: 32_000,
  layers: 32,
  moeLayers: 32,
  experts: 8,
  expertsUsed: 2,
  expertFfn: 14_336,
  sharedFfn: 0,
  denseFfn: 0,
  ffnMatrices: 3,
  attention: grouped(32, 8, 128),
  bits: weightBits('bf16'),
  contextLength: 32_768,
}

export const BUILTIN_MODELS: readonly ModelShape[] = [
  DEEPSEEK_V3,
  {
    ...DEEPSEEK_V3,
    id: 'deepseek-r1',
    name: 'DeepSeek-R1',
    source: 'huggingface.co/deepseek-ai/DeepSeek-R1 config.json',
  },
  KIMI_K2,
  QWEN3_235B,
  QWEN3_30B,
  GLM_4_5,
  GLM_4_5_AIR,
  GPT_OSS_120B,
  GPT_OSS_20B,
  MIXTRAL_8X7B,
]

/** By id, whatever its case and hyphens; undefined when there is none. */
export function findBuiltinModel(id: string): ModelShape | undefined {
  return BUILTIN_MODELS.find((model) => plain(model.id) === plain(id))
}

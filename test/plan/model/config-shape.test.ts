import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../../src/base/assert.js'
import { SputnikError } from '../../../src/base/errors.js'
import { findBuiltinModel } from '../../../src/plan/model/builtin.js'
import { shapeOfConfig } from '../../../src/plan/model/config-shape.js'
import type { ModelShape } from '../../../src/plan/model/shape.js'
import {
  activeParameters,
  countParameters,
  totalParameters,
} from '../../../src/plan/model/sizes.js'
import { MIXTRAL } from './mixtral-config.js'

const DEEPSEEK_V3 = {
  model_type: 'deepseek_v3',
  first_k_dense_replace: 3,
  hidden_size: 7168,
  intermediate_size: 18_432,
  kv_lora_rank: 512,
  max_position_embeddings: 163_840,
  moe_intermediate_size: 2048,
  moe_layer_freq: 1,
  n_routed_experts: 256,
  n_shared_experts: 1,
  num_attention_heads: 128,
  num_experts_per_tok: 8,
  num_hidden_layers: 61,
  num_key_value_heads: 128,
  q_lora_rank: 1536,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
  quantization_config: { quant_method: 'fp8', weight_block_size: [128, 128] },
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  vocab_size: 129_280,
}

const QWEN3_30B = {
  model_type: 'qwen3_moe',
  decoder_sparse_step: 1,
  head_dim: 128,
  hidden_size: 2048,
  intermediate_size: 6144,
  max_position_embeddings: 40_960,
  mlp_only_layers: [],
  moe_intermediate_size: 768,
  num_attention_heads: 32,
  num_experts: 128,
  num_experts_per_tok: 8,
  num_hidden_layers: 48,
  num_key_value_heads: 4,
  sliding_window: null,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  use_sliding_window: false,
  vocab_size: 151_936,
}

const GPT_OSS_20B = {
  model_type: 'gpt_oss',
  head_dim: 64,
  hidden_act: 'silu',
  hidden_size: 2880,
  intermediate_size: 2880,
  layer_types: Array.from({ length: 24 }, (_, i) =>
    i % 2 === 0 ? 'sliding_attention' : 'full_attention',
  ),
  max_position_embeddings: 131_072,
  num_attention_heads: 64,
  num_experts_per_tok: 4,
  num_hidden_layers: 24,
  num_key_value_heads: 8,
  num_local_experts: 32,
  quantization_config: { quant_method: 'mxfp4' },
  sliding_window: 128,
  tie_word_embeddings: false,
  vocab_size: 201_088,
}

const GLM_4_5_AIR = {
  model_type: 'glm4_moe',
  first_k_dense_replace: 1,
  head_dim: 128,
  hidden_size: 4096,
  intermediate_size: 10_944,
  max_position_embeddings: 131_072,
  moe_intermediate_size: 1408,
  n_routed_experts: 128,
  n_shared_experts: 1,
  num_attention_heads: 96,
  num_experts_per_tok: 8,
  num_hidden_layers: 46,
  num_key_value_heads: 8,
  num_nextn_predict_layers: 1,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  vocab_size: 151_552,
}

const read = (config: object, weights?: string): ModelShape =>
  shapeOfConfig(config, { source: 'config.json', weights })

const CONFIGS = [
  ['deepseek-v3', DEEPSEEK_V3],
  ['qwen3-30b-a3b', QWEN3_30B],
  ['gpt-oss-20b', GPT_OSS_20B],
  ['glm-4.5-air', GLM_4_5_AIR],
  ['mixtral-8x7b', MIXTRAL],
] as const

for (const [id, config] of CONFIGS) {
  test(`the config.json of ${id} gives the shape built in`, () => {
    const shape = read(config)
    const { id: _, name: __, source: ___, ...builtin } = defined(findBuiltinModel(id), id)
    const { tiedEmbedding, ...rest } = shape
    assert.equal(tiedEmbedding, false)
    assert.deepEqual(rest, {
      ...builtin,
      id: config.model_type,
      name: config.model_type,
      source: 'config.json',
    })
  })
}

test('Kimi K2 differs from DeepSeek-V3 in heads, experts and layers only', () => {
  const shape = read({
    ...DEEPSEEK_V3,
    model_type: 'kimi_k2',
    first_k_dense_replace: 1,
    n_routed_experts: 384,
    num_attention_heads: 64,
    vocab_size: 163_840,
  })
  const builtin = defined(findBuiltinModel('kimi-k2'), 'model')
  assert.deepEqual(
    [shape.attention, shape.moeLayers, shape.experts],
    [builtin.attention, builtin.moeLayers, builtin.experts],
  )
})

/** Fields as their config.json on huggingface.co has them; parameters by the makers' own words. */
const OTHERS: readonly [name: string, config: object, total: number, active: number][] = [
  [
    'allenai/OLMoE-1B-7B-0924',
    {
      model_type: 'olmoe',
      hidden_size: 2048,
      intermediate_size: 1024,
      max_position_embeddings: 4096,
      num_attention_heads: 16,
      num_experts: 64,
      num_experts_per_tok: 8,
      num_hidden_layers: 16,
      num_key_value_heads: 16,
      vocab_size: 50_304,
    },
    6.9e9,
    1.3e9,
  ],
  [
    'Qwen/Qwen2-57B-A14B',
    {
      model_type: 'qwen2_moe',
      decoder_sparse_step: 1,
      hidden_size: 3584,
      intermediate_size: 18_944,
      max_position_embeddings: 131_072,
      moe_intermediate_size: 2560,
      num_attention_heads: 28,
      num_experts: 64,
      num_experts_per_tok: 8,
      num_hidden_layers: 28,
      num_key_value_heads: 4,
      shared_expert_intermediate_size: 20_480,
      sliding_window: 65_536,
      use_sliding_window: false,
      vocab_size: 151_936,
    },
    57.4e9,
    14e9,
  ],
  [
    'deepseek-ai/DeepSeek-V2-Lite',
    {
      model_type: 'deepseek_v2',
      first_k_dense_replace: 1,
      hidden_size: 2048,
      intermediate_size: 10_944,
      kv_lora_rank: 512,
      max_position_embeddings: 163_840,
      moe_intermediate_size: 1408,
      moe_layer_freq: 1,
      n_routed_experts: 64,
      n_shared_experts: 2,
      num_attention_heads: 16,
      num_experts_per_tok: 6,
      num_hidden_layers: 27,
      num_key_value_heads: 16,
      q_lora_rank: null,
      qk_nope_head_dim: 128,
      qk_rope_head_dim: 64,
      v_head_dim: 128,
      vocab_size: 102_400,
    },
    15.7e9,
    2.4e9,
  ],
]

for (const [name, config, total, active] of OTHERS) {
  test(`${name} has the parameters its makers publish`, () => {
    const shape = read(config)
    const { embedding } = countParameters(shape)
    const counted = activeParameters(shape)
    assert.ok(Math.abs(totalParameters(shape) / total - 1) < 0.01, `${totalParameters(shape)}`)
    // With or without the embedding, as they do not say.
    const errors = [counted, counted + embedding].map((count) => Math.abs(count / active - 1))
    assert.ok(Math.min(...errors) < 0.025, `${counted}`)
  })
}

test('layers with experts are counted as each family says it', () => {
  const moe = (fields: object): number => read({ ...QWEN3_30B, ...fields }).moeLayers
  assert.equal(moe({ decoder_sparse_step: 2 }), 24)
  assert.equal(moe({ mlp_only_layers: [0, 5] }), 46)
  assert.equal(moe({ moe_layer_freq: [0, ...Array.from({ length: 47 }, () => 1)] }), 47)
  assert.equal(moe({ mlp_layer_types: ['dense', ...Array(47).fill('sparse')] }), 47)
  assert.equal(moe({ first_k_dense_replace: 2 }), 46)
})

test('shared experts are counted by width or by number', () => {
  const shared = (fields: object): number => read({ ...QWEN3_30B, ...fields }).sharedFfn
  assert.equal(shared({}), 0)
  assert.equal(shared({ shared_expert_intermediate_size: 5632 }), 5632)
  assert.equal(shared({ n_shared_experts: 2 }), 2 * 768)
})

test('the language model of one that also sees is found', () => {
  const shape = read({ model_type: 'kimi_k25', text_config: DEEPSEEK_V3 })
  assert.equal(shape.experts, 256)
})

test('weights may be given instead of the ones of the checkpoint', () => {
  assert.deepEqual(read(DEEPSEEK_V3, 'bf16/q4_K').bits, { trunk: 16, experts: 4.5 })
  const awq = { ...QWEN3_30B, quantization_config: { quant_method: 'awq' } }
  assert.throws(() => read(awq), /format "awq"; give it with --weights/)
  assert.equal(read(awq, 'int4').bits.experts, 4.5)
})

test('what a plan cannot use is named', () => {
  const cases: readonly [object, RegExp][] = [
    [{ ...QWEN3_30B, num_experts: undefined }, /n_routed_experts or num_experts.* is missing/],
    [{ ...QWEN3_30B, hidden_size: undefined }, /hidden_size is missing/],
    [{ ...QWEN3_30B, hidden_size: '2048' }, /hidden_size: /],
    [{ ...QWEN3_30B, num_hidden_layers: 1e9 }, /num_hidden_layers: /],
    [{ ...QWEN3_30B, linear_num_key_heads: 16 }, /linear_num_key_heads: .*linear attention/],
    [{ ...QWEN3_30B, layer_types: ['linear_attention'] }, /layer_types: .*"linear_attention"/],
    [{ ...DEEPSEEK_V3, index_topk: 2048 }, /index_topk: .*sparse attention/],
    [{ ...QWEN3_30B, decoder_sparse_step: 50 }, /0 of 48 layers have experts/],
    [{ ...QWEN3_30B, num_experts_per_tok: 129 }, /num_experts_per_tok is 129, of 128/],
    [{ ...QWEN3_30B, head_dim: null, num_attention_heads: 30 }, /head_dim is missing/],
    [{ hidden_size: 1 }, /model_type: /],
    [[], /no JSON object/],
  ]
  for (const [config, pattern] of cases) {
    assert.throws(
      () => read(config),
      (error) =>
        error instanceof SputnikError &&
        error.code === 'MODEL_SHAPE' &&
        pattern.test(error.message) &&
        error.message.startsWith('config.json: '),
      JSON.stringify(config),
    )
  }
})

test('any change of a config.json gives a shape or an error that names the file', () => {
  const field = fc.constantFrom(
    ...Object.keys(DEEPSEEK_V3),
    ...Object.keys(QWEN3_30B),
    'index_topk',
  )
  const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.constant(undefined))
  fc.assert(
    fc.property(
      fc.constantFrom(DEEPSEEK_V3, QWEN3_30B, GPT_OSS_20B),
      field,
      value,
      (base, at, to) => {
        try {
          const shape = read({ ...base, [at]: to })
          assert.ok(Number.isFinite(totalParameters(shape)) && activeParameters(shape) > 0)
        } catch (error) {
          assert.ok(error instanceof SputnikError && error.code === 'MODEL_SHAPE', String(error))
        }
      },
    ),
    { numRuns: 500 },
  )
})

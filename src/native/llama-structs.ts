/**
 * Layouts of libllama's structs (llama.h of the pinned release) and the values its own defaults
 * must have when they are decoded with these layouts. Calls nothing but the two default functions.
 */
import koffi, { type LibraryHandle } from 'koffi'
import { mismatch } from './locate.js'
import type { Pointer } from './memory.js'

type Address = Pointer | null

/** struct llama_model_params */
export type ModelParams = {
  devices: Address
  tensor_buft_overrides: Address
  n_gpu_layers: number
  split_mode: number
  load_mode: number
  lazy_mode: number
  main_gpu: number
  tensor_split: Address
  progress_callback: Address
  progress_callback_user_data: Address
  kv_overrides: Address
  vocab_only: boolean
  check_tensors: boolean
  use_extra_bufts: boolean
  no_host: boolean
  no_alloc: boolean
  load_mtp: boolean
}

/** struct llama_context_params */
export type ContextParams = {
  n_ctx: number
  n_batch: number
  n_ubatch: number
  n_seq_max: number
  n_rs_seq: number
  n_outputs_max: number
  n_outputs_max_per_seq: number
  n_threads: number
  n_threads_batch: number
  ctx_type: number
  rope_scaling_type: number
  pooling_type: number
  attention_type: number
  flash_attn_type: number
  rope_freq_base: number
  rope_freq_scale: number
  yarn_ext_factor: number
  yarn_attn_factor: number
  yarn_beta_fast: number
  yarn_beta_slow: number
  yarn_orig_ctx: number
  defrag_thold: number
  cb_eval: Address
  cb_eval_user_data: Address
  type_k: number
  type_v: number
  abort_callback: Address
  abort_callback_data: Address
  embeddings: boolean
  offload_kqv: boolean
  no_perf: boolean
  op_offload: boolean
  swa_full: boolean
  kv_unified: boolean
  samplers: Address
  n_samplers: number
  ctx_other: Address
}

/** struct llama_batch: arrays of `n_tokens`; `embd` is NULL here always. */
export type BatchStruct = {
  n_tokens: number
  token: Address
  embd: Address
  pos: Address
  n_seq_id: Address
  seq_id: Address
  logits: Address
}

const MODEL_PARAMS = {
  devices: 'void *',
  tensor_buft_overrides: 'void *',
  n_gpu_layers: 'int32_t',
  split_mode: 'int',
  load_mode: 'int',
  lazy_mode: 'int',
  main_gpu: 'int32_t',
  tensor_split: 'void *',
  progress_callback: 'void *',
  progress_callback_user_data: 'void *',
  kv_overrides: 'void *',
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
} as const satisfies Record<keyof ModelParams, string>

const CONTEXT_PARAMS = {
  n_ctx: 'uint32_t',
  n_batch: 'uint32_t',
  n_ubatch: 'uint32_t',
  n_seq_max: 'uint32_t',
  n_rs_seq: 'uint32_t',
  n_outputs_max: 'uint32_t',
  n_outputs_max_per_seq: 'uint32_t',
  n_threads: 'int32_t',
  n_threads_batch: 'int32_t',
  ctx_type: 'int',
  rope_scaling_type: 'int',
  pooling_type: 'int',
  attention_type: 'int',
  flash_attn_type: 'int',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32_t',
  defrag_thold: 'float',
  cb_eval: 'void *',
  cb_eval_user_data: 'void *',
  type_k: 'int',
  type_v: 'int',
  abort_callback: 'void *',
  abort_callback_data: 'void *',
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: 'void *',
  n_samplers: 'size_t',
  ctx_other: 'void *',
} as const satisfies Record<keyof ContextParams, string>

const BATCH = {
  n_tokens: 'int32_t',
  token: 'void *',
  embd: 'void *',
  pos: 'void *',
  n_seq_id: 'void *',
  seq_id: 'void *',
  logits: 'void *',
} as const satisfies Record<keyof BatchStruct, string>

/** Bytes of `llama_model_tensor_buft_override`, `llama_logit_bias` and `llama_token_data`. */
export const STRUCT_BYTES = { override: 16, logitBias: 8, tokenData: 12 } as const

/** What `llama_model_default_params()` answers in this release (src/llama-model.cpp). */
const MODEL_DEFAULTS: ModelParams = {
  devices: null,
  tensor_buft_overrides: null,
  n_gpu_layers: -1,
  split_mode: 1,
  load_mode: -1,
  lazy_mode: 1,
  main_gpu: 0,
  tensor_split: null,
  progress_callback: null,
  progress_callback_user_data: null,
  kv_overrides: null,
  vocab_only: false,
  check_tensors: false,
  use_extra_bufts: true,
  no_host: false,
  no_alloc: false,
  load_mtp: false,
}

/** What `llama_context_default_params()` answers in this release (src/llama-context.cpp). */
const CONTEXT_DEFAULTS: ContextParams = {
  n_ctx: 512,
  n_batch: 2048,
  n_ubatch: 512,
  n_seq_max: 1,
  n_rs_seq: 0,
  n_outputs_max: 0,
  n_outputs_max_per_seq: 1,
  n_threads: 4,
  n_threads_batch: 4,
  ctx_type: 0,
  rope_scaling_type: -1,
  pooling_type: -1,
  attention_type: -1,
  flash_attn_type: -1,
  rope_freq_base: 0,
  rope_freq_scale: 0,
  yarn_ext_factor: -1,
  yarn_attn_factor: -1,
  yarn_beta_fast: -1,
  yarn_beta_slow: -1,
  yarn_orig_ctx: 0,
  defrag_thold: -1,
  cb_eval: null,
  cb_eval_user_data: null,
  type_k: 1,
  type_v: 1,
  abort_callback: null,
  abort_callback_data: null,
  embeddings: false,
  offload_kqv: true,
  no_perf: true,
  op_offload: true,
  swa_full: true,
  kv_unified: false,
  samplers: null,
  n_samplers: 0,
  ctx_other: null,
}

/** Names the structs for prototypes; once per process, since koffi refuses a name twice. */
export function defineStructs(): void {
  koffi.struct('llama_model_params', MODEL_PARAMS)
  koffi.struct('llama_context_params', CONTEXT_PARAMS)
  koffi.struct('llama_batch', BATCH)
  koffi.struct('llama_sampler_chain_params', { no_perf: 'bool' })
}

export type Defaults = { readonly model: ModelParams; readonly context: ContextParams }

/**
 * The library's own defaults, after checking that they decode to the values of this release: a
 * moved field would show here before it could corrupt memory.
 * @throws SputnikError LIBRARY_MISMATCH
 */
export function readDefaults(library: LibraryHandle, packageName: string): Defaults {
  const model = library.func('llama_model_params llama_model_default_params()')() as ModelParams
  const context = library.func(
    'llama_context_params llama_context_default_params()',
  )() as ContextParams
  checkDefaults(model, MODEL_DEFAULTS, packageName)
  checkDefaults(context, CONTEXT_DEFAULTS, packageName)
  return { model, context }
}

function checkDefaults<T extends object>(found: T, expected: T, packageName: string): void {
  for (const [name, value] of Object.entries(expected)) {
    const actual: unknown = found[name as keyof T]
    if (actual !== value) {
      throw mismatch(packageName, `built with default ${name} = ${actual} instead of ${value}`)
    }
  }
}

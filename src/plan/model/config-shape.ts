/**
 * Reads the shape of a model from the config.json of its Hugging Face repository. Model types agree
 * on most names; where they do not, each name is tried. Knows nothing of files.
 */
import { z } from 'zod'
import { SputnikError } from '../../base/errors.js'
import { configBits } from './config-bits.js'
import { moeLayerCount } from './config-layers.js'
import { CONFIG, type ModelConfig } from './model-config.js'
import type { Attention, GroupedAttention, ModelShape } from './shape.js'
import { weightBits } from './weight-formats.js'

type CountField = {
  [K in keyof ModelConfig]-?: number extends ModelConfig[K] ? K : never
}[keyof ModelConfig] &
  string

/** Fields of layers that are neither full nor windowed attention, and what they mean. */
const FOREIGN_LAYERS: ReadonlyArray<readonly [pattern: RegExp, what: string]> = [
  [/^(linear_(attn|num|key|value|conv)|ssm_|mamba_|gated_delta)/, 'linear attention'],
  [/^index_(topk|n_heads)$/, 'sparse attention with an indexer'],
]

const EXPERT_COUNTS = [
  'n_routed_experts',
  'num_experts',
  'num_local_experts',
  'moe_num_experts',
] as const

export type ConfigOptions = {
  /** Named in errors and in the shape. */
  readonly source: string
  /** Overrides the format that the checkpoint is in. */
  readonly weights?: string | undefined
}

/** @throws SputnikError MODEL_SHAPE naming the field that is missing or unknown */
export function shapeOfConfig(json: unknown, options: ConfigOptions): ModelShape {
  const reader = new ConfigReader(json, options)
  const { config } = reader
  const layers = reader.number('num_hidden_layers')
  const expertFfn = expertWidth(reader)
  const moeLayers = moeLayerCount(config, layers)
  const shape = {
    id: config.model_type,
    name: reader.name,
    source: options.source,
    hidden: reader.number('hidden_size'),
    vocabulary: reader.number('vocab_size'),
    tiedEmbedding: config.tie_word_embeddings === true,
    layers,
    moeLayers,
    experts: reader.number(...EXPERT_COUNTS),
    expertsUsed: reader.number('num_experts_per_tok', 'experts_per_token', 'moe_k'),
    expertFfn,
    sharedFfn: sharedWidth(reader, expertFfn),
    denseFfn: moeLayers < layers ? reader.number('intermediate_size_mlp', 'intermediate_size') : 0,
    ffnMatrices: config.hidden_act === 'relu2' ? 2 : 3,
    attention: readAttention(reader, layers),
    bits: options.weights === undefined ? readBits(reader) : weightBits(options.weights),
    contextLength: reader.number('max_position_embeddings'),
  } as const
  return checkShape(shape, reader)
}

/** Fields that are sound by themselves may contradict each other. */
function checkShape(shape: ModelShape, reader: ConfigReader): ModelShape {
  const { layers, moeLayers, experts, expertsUsed, attention } = shape
  if (moeLayers < 1 || moeLayers > layers) {
    throw reader.problem(`${moeLayers} of ${layers} layers have experts; plans are for MoE models`)
  }
  if (expertsUsed > experts) {
    throw reader.problem(`num_experts_per_tok is ${expertsUsed}, of ${experts} experts`)
  }
  if (attention.kind === 'grouped' && !Number.isInteger(attention.headDim)) {
    throw reader.problem('head_dim is missing, and hidden_size is no multiple of the heads')
  }
  return shape
}

class ConfigReader {
  readonly config: ModelConfig
  readonly name: string
  readonly #source: string

  constructor(json: unknown, { source }: ConfigOptions) {
    this.#source = source
    const outer = z.looseObject({ text_config: z.unknown().optional() }).safeParse(json)
    if (!outer.success) throw this.problem('it is no JSON object')
    // Models that also see keep their language model's numbers apart.
    const parsed = CONFIG.safeParse(outer.data.text_config ?? json)
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      throw this.problem(`${issue?.path.join('.')}: ${issue?.message}`)
    }
    this.config = parsed.data
    const named = z.object({ _name_or_path: z.string().min(1) }).safeParse(json)
    this.name = named.success ? named.data._name_or_path : this.config.model_type
    for (const field of Object.keys(this.config)) this.#refuseForeign(field)
  }

  /** The first of the fields that is there and not 0. */
  find(...fields: CountField[]): number | undefined {
    for (const field of fields) {
      const value = this.config[field]
      if (typeof value === 'number' && value > 0) return value
    }
    return undefined
  }

  number(...fields: CountField[]): number {
    const value = this.find(...fields)
    if (value !== undefined) return value
    throw this.problem(`${fields.join(' or ')} is missing; without it there is no plan`)
  }

  problem(text: string): SputnikError {
    return new SputnikError('MODEL_SHAPE', `${this.#source}: ${text}`, { source: this.#source })
  }

  #refuseForeign(field: string): void {
    const found = FOREIGN_LAYERS.find(([pattern]) => pattern.test(field))
    if (found === undefined || this.config[field] === null) return
    throw this.problem(`${field}: plans know no ${found[1]}, which this model has`)
  }
}

/** Older model types have no name of its own for it, as all of their FFNs are experts. */
function expertWidth(reader: ConfigReader): number {
  return reader.find('moe_intermediate_size') ?? reader.number('intermediate_size')
}

function sharedWidth(reader: ConfigReader, expertFfn: number): number {
  const width = reader.find('shared_expert_intermediate_size', 'shared_intermediate_size')
  if (width !== undefined) return width
  const experts = reader.find('n_shared_experts', 'num_shared_experts', 'moe_num_shared_experts')
  return (experts ?? 0) * expertFfn
}

function readAttention(reader: ConfigReader, layers: number): Attention {
  const heads = reader.number('num_attention_heads')
  const kvRank = reader.find('kv_lora_rank')
  if (kvRank !== undefined) {
    return {
      kind: 'latent',
      heads,
      queryRank: reader.find('q_lora_rank') ?? 0,
      kvRank,
      nopeDim: reader.number('qk_nope_head_dim'),
      ropeDim: reader.number('qk_rope_head_dim'),
      valueDim: reader.number('v_head_dim'),
    }
  }
  const kvHeads = reader.find('num_key_value_heads') ?? heads
  const headDim = reader.find('head_dim') ?? reader.number('hidden_size') / heads
  const attention = { kind: 'grouped', heads, kvHeads, headDim } as const
  const window = readWindow(reader, layers)
  return window === undefined ? attention : { ...attention, window }
}

function readWindow(reader: ConfigReader, layers: number): GroupedAttention['window'] {
  const { config } = reader
  const types = config.layer_types ?? []
  const foreign = types.find((type) => !/^(full|sliding)_attention$/.test(type))
  if (foreign !== undefined) throw reader.problem(`layer_types: plans know no "${foreign}" layers`)
  const tokens = reader.find('sliding_window')
  if (tokens === undefined || config.use_sliding_window === false) return undefined
  const sliding = types.filter((type) => type === 'sliding_attention').length
  if (types.length > 0) return sliding === 0 ? undefined : { layers: sliding, tokens }
  // The first files of gpt-oss do not say that every other layer has one.
  return { layers: config.model_type === 'gpt_oss' ? layers / 2 : layers, tokens }
}

function readBits(reader: ConfigReader): ModelShape['bits'] {
  const bits = configBits(reader.config)
  if (bits !== undefined) return bits
  const method = reader.config.quantization_config?.quant_method ?? reader.config.torch_dtype
  throw reader.problem(`plans do not know the format "${method}"; give it with --weights`)
}

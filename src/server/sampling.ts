/**
 * The parameters that both generating endpoints share, and what they become for the engine.
 * Knows nothing of prompts.
 */
import { z } from 'zod'
import type { Grammar, ModelInfo, SamplingParams } from '../engine/protocol.js'
import {
  CHOICES_MAX,
  GRAMMAR_BYTES_MAX,
  LOGIT_BIASES_MAX,
  STOP_BYTES_MAX,
  STOP_TOKENS_MAX,
  STOPS_MAX,
} from './limits.js'
import { badParam } from './validate.js'

const TOKEN_MAX = 2 ** 31 - 1
/** As near to never as a finite bias gets. */
const BAN_BIAS = -1e9
const BIAS_MAX = 100

const stopText = z
  .string()
  .min(1, 'must not be empty')
  .refine((text) => Buffer.byteLength(text) <= STOP_BYTES_MAX, `at most ${STOP_BYTES_MAX} bytes`)
const stop = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.array(stopText).max(STOPS_MAX),
)
const bias = z.union([z.number().min(-BIAS_MAX).max(BIAS_MAX), z.literal(false)], {
  error: `a bias must be a number from -${BIAS_MAX} to ${BIAS_MAX}, or false`,
})
const biasPairs = z.array(z.tuple([z.int().min(0).max(TOKEN_MAX), bias])).max(LOGIT_BIASES_MAX)
/** OpenAI's map of token id to bias, or llama-server's list of pairs. */
const logitBias = z.preprocess(
  (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).map(([token, amount]) => [parseToken(token), amount])
      : value,
  biasPairs,
)
const grammarText = z
  .string()
  .min(1, 'must not be empty')
  .refine(
    (text) => Buffer.byteLength(text) <= GRAMMAR_BYTES_MAX,
    `at most ${GRAMMAR_BYTES_MAX} bytes`,
  )
const jsonSchema = z
  .looseObject({})
  .refine(
    (schema) => Buffer.byteLength(JSON.stringify(schema)) <= GRAMMAR_BYTES_MAX,
    `at most ${GRAMMAR_BYTES_MAX} bytes`,
  )
const responseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object'), schema: jsonSchema.optional() }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: z.string().max(256).optional(),
      description: z.string().max(16_384).optional(),
      strict: z.boolean().nullable().optional(),
      schema: jsonSchema.optional(),
    }),
  }),
])

const tokenCount = z.int().max(TOKEN_MAX)

export const commonFields = {
  model: z.string().min(1).max(512).optional(),
  temperature: z.number().min(0).max(2).default(1),
  top_p: z.number().min(0).max(1).default(1),
  top_k: z.int().min(-1).max(TOKEN_MAX).default(0),
  min_p: z.number().min(0).max(1).default(0),
  repetition_penalty: z.number().min(0.01).max(10).optional(),
  repeat_penalty: z.number().min(0.01).max(10).optional(),
  repeat_last_n: z.int().min(-1).max(TOKEN_MAX).default(-1),
  presence_penalty: z.number().min(-2).max(2).default(0),
  frequency_penalty: z.number().min(-2).max(2).default(0),
  seed: z.int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER).optional(),
  stop: stop.default([]),
  stop_token_ids: z.array(z.int().min(0).max(TOKEN_MAX)).max(STOP_TOKENS_MAX).default([]),
  ignore_eos: z.boolean().default(false),
  min_tokens: tokenCount.min(0).default(0),
  logit_bias: logitBias.default([]),
  n: z.int().min(1).max(CHOICES_MAX).default(1),
  stream: z.boolean().default(false),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().default(false),
      include_obfuscation: z.boolean().optional(),
    })
    .optional(),
  return_progress: z.boolean().default(false),
  return_token_ids: z.boolean().default(false),
  response_format: responseFormat.optional(),
  grammar: grammarText.optional(),
  json_schema: jsonSchema.optional(),
  max_tokens: tokenCount.min(0).optional(),
}

export type CommonParams = z.output<z.ZodObject<typeof commonFields>>

export type SamplingContext = {
  readonly model: ModelInfo
  readonly maxTokens: number
  readonly logprobs: number | undefined
  readonly promptLogprobs: number | undefined
}

/** What all choices of a request share; `seedFor` then makes each choice its own. */
export function toSamplingParams(params: CommonParams, context: SamplingContext): SamplingParams {
  const { model, logprobs, promptLogprobs } = context
  const grammar = toGrammar(params)
  const seed = toSeed(params.seed)
  checkTokens('stop_token_ids', params.stop_token_ids, model)
  checkTokens(
    'logit_bias',
    params.logit_bias.map(([token]) => token),
    model,
  )
  return {
    maxTokens: Math.min(context.maxTokens, model.contextLength),
    temperature: params.temperature,
    topK: Math.max(0, params.top_k),
    topP: params.top_p,
    minP: params.min_p,
    repetitionPenalty: params.repetition_penalty ?? params.repeat_penalty ?? 1,
    presencePenalty: params.presence_penalty,
    frequencyPenalty: params.frequency_penalty,
    penaltyLastN: params.repeat_last_n,
    logitBias: params.logit_bias.map(([token, amount]) => [
      token,
      amount || amount === 0 ? amount : BAN_BIAS,
    ]),
    stop: params.stop,
    stopTokenIds: params.stop_token_ids,
    ignoreEos: params.ignore_eos,
    minTokens: Math.min(params.min_tokens, model.contextLength),
    ...(seed === undefined ? {} : { seed }),
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(promptLogprobs === undefined ? {} : { promptLogprobs }),
    ...(grammar === undefined ? {} : { grammar }),
  }
}

/** The same parameters for choice `index`: with a seed every choice still differs. */
export function paramsOfChoice(params: SamplingParams, index: number): SamplingParams {
  if (params.seed === undefined || index === 0) return params
  return { ...params, seed: toSeed(params.seed + index) ?? params.seed }
}

/** Throws BAD_PARAM when one of `tokens` is not in the vocabulary. */
export function checkTokens(param: string, tokens: readonly number[], model: ModelInfo): void {
  for (const token of tokens) {
    if (token < model.vocabSize) continue
    throw badParam(param, `token ${token} is not in the vocabulary of ${model.vocabSize} tokens`)
  }
}

const SEED_RANDOM = 2 ** 32 - 1

/** libllama takes 32 bits and reads all ones as "draw one"; -1 asks for that. */
function toSeed(seed: number | undefined): number | undefined {
  if (seed === undefined || seed === -1) return undefined
  const low = seed >>> 0
  return low === SEED_RANDOM ? SEED_RANDOM - 1 : low
}

function toGrammar(params: CommonParams): Grammar | undefined {
  const found: Grammar[] = []
  if (params.grammar !== undefined) found.push({ kind: 'gbnf', text: params.grammar })
  if (params.json_schema !== undefined) found.push({ kind: 'schema', schema: params.json_schema })
  const schema = schemaOfFormat(params.response_format)
  if (schema !== undefined) found.push({ kind: 'schema', schema })
  if (found.length > 1) {
    throw badParam('grammar', 'give one of grammar, json_schema and response_format')
  }
  return found[0]
}

function schemaOfFormat(format: CommonParams['response_format']): unknown {
  if (format === undefined || format.type === 'text') return undefined
  const schema = format.type === 'json_object' ? format.schema : format.json_schema.schema
  return schema ?? { type: 'object' }
}

function parseToken(text: string): number | string {
  return /^\d{1,10}$/.test(text) ? Number(text) : text
}

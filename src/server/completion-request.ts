/**
 * The body of /v1/completions: its parameters, and the four shapes of `prompt`. Knows nothing of
 * the engine's answers.
 */
import { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import type { ModelInfo, Prompt } from '../engine/protocol.js'
import { PROMPTS_MAX, TOP_LOGPROBS_MAX } from './limits.js'
import { checkTokens, commonFields } from './sampling.js'
import { badParam } from './validate.js'

const DEFAULT_MAX_TOKENS = 16

export const completionSchema = z.strictObject({
  ...commonFields,
  max_tokens: commonFields.max_tokens.default(DEFAULT_MAX_TOKENS),
  prompt: z.unknown().refine((value) => value !== undefined, 'is required'),
  echo: z.boolean().default(false),
  logprobs: z
    .preprocess(
      // `false` and `true` come from clients that think of the chat endpoint.
      (value) => (typeof value === 'boolean' ? (value ? 1 : undefined) : value),
      z.int().min(0).max(TOP_LOGPROBS_MAX).optional(),
    )
    .optional(),
  add_special_tokens: z.boolean().default(true),
})

export type CompletionParams = z.output<typeof completionSchema>

/** A string, a list of strings, a list of token ids, or a list of such lists. */
export function toPrompts(params: CompletionParams, model: ModelInfo): readonly Prompt[] {
  const { prompt } = params
  if (typeof prompt === 'string') return [textPrompt(prompt, params, model)]
  if (!Array.isArray(prompt)) throw badParam('prompt', SHAPES)
  if (prompt.length === 0) throw badParam('prompt', 'must not be empty')
  if (typeof prompt[0] === 'number') return [tokenPrompt(prompt, 'prompt', model)]
  if (prompt.length > PROMPTS_MAX) throw badParam('prompt', `at most ${PROMPTS_MAX} prompts`)
  return prompt.map((item: unknown, index) => {
    if (typeof item === 'string') return textPrompt(item, params, model)
    if (Array.isArray(item)) return tokenPrompt(item, `prompt[${index}]`, model)
    throw badParam(`prompt[${index}]`, SHAPES)
  })
}

const SHAPES = 'must be a string, a list of strings, a list of token ids or a list of such lists'

function textPrompt(text: string, params: CompletionParams, model: ModelInfo): Prompt {
  requireVocab(model, 'prompt')
  return { text, addSpecial: params.add_special_tokens, parseSpecial: true }
}

/** Checks the list by hand: it may hold a million numbers. */
function tokenPrompt(list: readonly unknown[], param: string, model: ModelInfo): Prompt {
  if (list.length === 0) throw badParam(param, 'must not be empty')
  if (list.length > model.contextLength) {
    const text = `the prompt has ${list.length} tokens, the context ${model.contextLength}`
    throw new SputnikError('CONTEXT_TOO_LONG', text, { param })
  }
  const tokens: number[] = []
  for (const item of list) {
    if (typeof item !== 'number' || !Number.isInteger(item) || item < 0) {
      throw badParam(param, 'token ids must be integers of at least 0')
    }
    tokens.push(item)
  }
  checkTokens(param, tokens, model)
  return { tokens }
}

/** Throws BAD_PARAM when the model file brings no tokenizer. */
export function requireVocab(model: ModelInfo, param: string): void {
  if (model.hasVocab) return
  throw badParam(param, 'the model has no tokenizer; send token ids to /v1/completions')
}

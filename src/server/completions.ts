/**
 * POST /v1/completions: from prompts to sequences. Knows nothing of how answers are written.
 */
import type { ModelInfo, Prompt, SamplingParams } from '../engine/protocol.js'
import type { Exchange } from './app.js'
import {
  CompletionCollector,
  type CompletionFormatOptions,
  CompletionStream,
} from './completion-format.js'
import { type CompletionParams, completionSchema, toPrompts } from './completion-request.js'
import type { EngineClient } from './engine-client.js'
import { answerHead, collect, stream } from './generate.js'
import { dropInertParams } from './inert-params.js'
import { readJsonObject } from './json-body.js'
import { PROMPTS_MAX } from './limits.js'
import { paramsOfChoice, toSamplingParams } from './sampling.js'
import { badParam, validate } from './validate.js'

export async function handleCompletions(exchange: Exchange): Promise<void> {
  const { app, req, res } = exchange
  const params = validate(completionSchema, dropInertParams(await readJsonObject(req, res)))
  app.checkModel(params.model)
  const { model } = app.requireReady()
  const prompts = toPrompts(params, model)
  if (prompts.length * params.n > PROMPTS_MAX) {
    throw badParam('prompt', `at most ${PROMPTS_MAX} choices in one request`)
  }
  const requests = toRequests(prompts, params, model)
  const echoes = params.echo ? await echoTexts(prompts, app.options.engine, model) : []
  // A long list of prompts goes through a window, so that it does not fill the queue.
  const width = Math.max(params.n, model.parallel)
  const options = { requests, width, choicesPerPrompt: params.n }
  const formatOptions: CompletionFormatOptions = {
    head: answerHead(exchange, 'cmpl'),
    choices: requests.length,
    echoes: requests.map((_, index) => echoes[Math.floor(index / params.n)] ?? ''),
    withLogprobs: params.logprobs !== undefined,
    withUsage: params.stream_options?.include_usage ?? false,
    withTokenIds: params.return_token_ids,
  }
  if (!params.stream) {
    await collect(exchange, { ...options, format: new CompletionCollector(formatOptions) })
    return
  }
  const format = new CompletionStream(formatOptions)
  await stream(exchange, { ...options, format, withProgress: params.return_progress })
}

function toRequests(prompts: readonly Prompt[], params: CompletionParams, model: ModelInfo) {
  const sampling = samplingOf(params, model)
  return prompts.flatMap((prompt) =>
    Array.from({ length: params.n }, (_, choice) => ({
      prompt,
      params: paramsOfChoice(sampling, choice),
    })),
  )
}

function samplingOf(params: CompletionParams, model: ModelInfo): SamplingParams {
  const isEchoOnly = params.max_tokens === 0
  if (isEchoOnly && !params.echo) throw badParam('max_tokens', 'may be 0 only with `echo: true`')
  const promptLogprobs = params.echo ? (params.logprobs ?? (isEchoOnly ? 0 : undefined)) : undefined
  return toSamplingParams(params, {
    model,
    maxTokens: params.max_tokens,
    logprobs: params.logprobs,
    promptLogprobs,
  })
}

function echoTexts(
  prompts: readonly Prompt[],
  engine: EngineClient,
  model: ModelInfo,
): Promise<readonly string[]> {
  return Promise.all(
    prompts.map((prompt) => {
      if ('text' in prompt) return prompt.text
      return model.hasVocab ? engine.detokenize(prompt.tokens) : ''
    }),
  )
}

/**
 * POST /v1/chat/completions: from messages to sequences. Knows nothing of how answers are written.
 */
import type { ModelInfo, Prompt, SamplingParams } from '../engine/protocol.js'
import type { Exchange } from './app.js'
import { ChatCollector, type ChatFormatOptions, ChatStream } from './chat-format.js'
import {
  type ChatParams,
  chatSchema,
  toTemplateMessages,
  toTemplateVariables,
} from './chat-request.js'
import { requireVocab } from './completion-request.js'
import { answerHead, collect, stream } from './generate.js'
import { dropInertParams } from './inert-params.js'
import { readJsonObject } from './json-body.js'
import { opensThinking, ReasoningSplitter, type ThinkTags, thinkTagsOf } from './reasoning.js'
import { paramsOfChoice, toSamplingParams } from './sampling.js'
import type { TemplateRenderer } from './template.js'
import { badParam, validate } from './validate.js'

export async function handleChat(exchange: Exchange): Promise<void> {
  const { app, req, res } = exchange
  const params = validate(chatSchema, dropInertParams(await readJsonObject(req, res)))
  app.checkModel(params.model)
  const { model, templates } = app.requireReady()
  requireVocab(model, 'messages')
  const sampling = samplingOf(params, model)
  const { prompt, splitter } = await renderChat({ params, model, templates, sampling })
  const requests = Array.from({ length: params.n }, (_, choice) => ({
    prompt,
    params: paramsOfChoice(sampling, choice),
  }))
  const options = { requests, width: params.n, choicesPerPrompt: params.n }
  const formatOptions: ChatFormatOptions = {
    head: answerHead(exchange, 'chatcmpl'),
    choices: params.n,
    splitter,
    withUsage: params.stream_options?.include_usage ?? false,
    withTokenIds: params.return_token_ids,
  }
  if (!params.stream) {
    await collect(exchange, { ...options, format: new ChatCollector(formatOptions) })
    return
  }
  const format = new ChatStream(formatOptions)
  await stream(exchange, { ...options, format, withProgress: params.return_progress })
}

function samplingOf(params: ChatParams, model: ModelInfo): SamplingParams {
  if (params.top_logprobs !== undefined && !params.logprobs) {
    throw badParam('top_logprobs', 'needs `logprobs: true`')
  }
  return toSamplingParams(params, {
    model,
    maxTokens: params.max_completion_tokens ?? params.max_tokens ?? model.contextLength,
    logprobs: params.logprobs ? (params.top_logprobs ?? 0) : undefined,
    promptLogprobs: undefined,
  })
}

type RenderOptions = {
  readonly params: ChatParams
  readonly model: ModelInfo
  readonly templates: TemplateRenderer
  readonly sampling: SamplingParams
}

export type RenderedChat = {
  readonly prompt: Prompt
  readonly splitter: () => ReasoningSplitter
}

async function renderChat(options: RenderOptions): Promise<RenderedChat> {
  const { params, model, templates, sampling } = options
  const messages = toTemplateMessages(params.messages, model.chatTemplate)
  const text = await templates.render(messages, toTemplateVariables(params))
  return chatPrompt(text, { model, hasGrammar: sampling.grammar !== undefined })
}

/**
 * The prompt of rendered messages, and how its answers split into reasoning and content. A
 * grammar rules from the first token on, so with one there is no reasoning.
 */
export function chatPrompt(
  text: string,
  options: { readonly model: ModelInfo; readonly hasGrammar: boolean },
): RenderedChat {
  const { model, hasGrammar } = options
  const tags = thinkTagsOf(model.chatTemplate)
  const isOpened = opensThinking(text, tags)
  const phase = hasGrammar ? 'content' : isOpened ? 'reasoning' : 'start'
  return {
    prompt: {
      text: hasGrammar && isOpened ? closeThinking(text, tags) : text,
      // The model's own template writes the special tokens it wants.
      addSpecial: model.chatTemplate === null,
      parseSpecial: true,
    },
    splitter: () => new ReasoningSplitter({ tags, phase }),
  }
}

function closeThinking(text: string, tags: ThinkTags): string {
  return `${text.trimEnd()}\n\n${tags.close}\n\n`
}

/**
 * The endpoints that generate nothing: models, tokens, health, metrics. Knows nothing of
 * sequences.
 */
import { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import type { App, Exchange } from './app.js'
import { requireVocab } from './completion-request.js'
import { sendError, sendJson } from './http-error.js'
import { dropInertParams } from './inert-params.js'
import { readJsonObject } from './json-body.js'
import { checkTokens } from './sampling.js'
import { badParam, validate } from './validate.js'

const TOKENS_MAX = 1_000_000
const STATS_MS = 1_000

const modelField = z.string().min(1).max(512).optional()

/** llama-server says `content`, `add_special`; vLLM says `prompt`, `add_special_tokens`. */
const tokenizeSchema = z.strictObject({
  model: modelField,
  content: z.string().optional(),
  prompt: z.string().optional(),
  add_special: z.boolean().optional(),
  add_special_tokens: z.boolean().optional(),
  parse_special: z.boolean().default(true),
  with_pieces: z.literal(false, { error: 'is not supported' }).optional(),
  return_token_strs: z.literal(false, { error: 'is not supported' }).optional(),
})

const detokenizeSchema = z.strictObject({
  model: modelField,
  tokens: z.array(z.int().min(0)).max(TOKENS_MAX),
})

export async function handleTokenize(exchange: Exchange): Promise<void> {
  const { app, req, res } = exchange
  const params = validate(tokenizeSchema, dropInertParams(await readJsonObject(req, res)))
  app.checkModel(params.model)
  const { model } = app.requireReady()
  const text = params.content ?? params.prompt
  if (text === undefined) throw badParam('content', 'is required')
  requireVocab(model, 'content')
  // Each form keeps the default of the server it comes from.
  const isDefaultSpecial = params.content === undefined
  const addSpecial = params.add_special ?? params.add_special_tokens ?? isDefaultSpecial
  const parseSpecial = params.parse_special
  const tokens = await app.options.engine.tokenize(text, { addSpecial, parseSpecial })
  sendJson(res, 200, { tokens, count: tokens.length, max_model_len: model.contextLength })
}

export async function handleDetokenize(exchange: Exchange): Promise<void> {
  const { app, req, res } = exchange
  const params = validate(detokenizeSchema, dropInertParams(await readJsonObject(req, res)))
  app.checkModel(params.model)
  const { model } = app.requireReady()
  requireVocab(model, 'tokens')
  checkTokens('tokens', params.tokens, model)
  const text = await app.options.engine.detokenize(params.tokens)
  sendJson(res, 200, { content: text, prompt: text })
}

export function handleModels({ app, res }: Exchange): void {
  sendJson(res, 200, { object: 'list', data: [modelBody(app)] })
}

export function handleModel({ app, res, path }: Exchange): void {
  const encoded = path.slice('/v1/models/'.length)
  app.checkModel(decodeName(encoded))
  sendJson(res, 200, modelBody(app))
}

function decodeName(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}

/** Answers while the model loads too; then only its name is known. */
function modelBody(app: App): unknown {
  const { model } = app.options.engine
  const base = {
    id: app.modelId,
    object: 'model',
    created: app.createdSeconds,
    owned_by: 'sputnik',
  }
  if (model === undefined) return base
  return {
    ...base,
    context_length: model.contextLength,
    max_model_len: model.contextLength,
    architecture: { input_modalities: ['text'], output_modalities: ['text'] },
    meta: {
      architecture: model.architecture,
      description: model.description,
      n_vocab: model.vocabSize,
      n_ctx_train: model.trainContextLength,
      n_expert: model.experts,
      n_expert_used: model.expertsUsed,
      cards: model.cards,
    },
  }
}

/** The process lives; whether it can serve is another question. */
export function handleHealth({ app, res }: Exchange): void {
  sendJson(res, 200, { status: 'ok', engine: app.options.engine.state })
}

export function handleReady({ app, res }: Exchange): void {
  try {
    app.requireReady()
  } catch (error) {
    if (!(error instanceof SputnikError)) throw error
    sendError(res, error)
    return
  }
  sendJson(res, 200, { status: 'ready', model: app.modelId })
}

export async function handleMetrics({ app, res }: Exchange): Promise<void> {
  const { metrics, engine } = app.options
  const [stats, experts] = await Promise.all([
    soon(() => engine.stats()),
    soon(() => app.experts.get()),
  ])
  const text = await metrics.render(app.isReady, { stats, experts })
  res.writeHead(200, { 'Content-Type': metrics.contentType })
  res.end(text)
}

/** A scrape does not wait for an engine that loads or is in a long step. */
async function soon<T>(ask: () => Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), STATS_MS)
  })
  try {
    return await Promise.race([ask(), late])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

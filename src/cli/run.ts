/**
 * `sputnik run`: one prompt, the answer streamed to stdout, without HTTP. Knows nothing of the
 * engine beyond its client.
 */
import { Command } from 'commander'
import { SputnikError } from '../base/errors.js'
import { createLogger } from '../base/log.js'
import type { FinishReason, ModelInfo, SamplingParams, Usage } from '../engine/protocol.js'
import { chatPrompt, type RenderedChat } from '../server/chat.js'
import { EngineClient } from '../server/engine-client.js'
import { BODY_BYTES_MAX } from '../server/limits.js'
import { ReasoningSplitter, type Split, thinkTagsOf } from '../server/reasoning.js'
import { TemplateRenderer } from '../server/template.js'
import { perSecond } from '../server/usage.js'
import { MODEL_HELP, modelAndPrompt } from './bundled-model.js'
import {
  addEngineOptions,
  collectText,
  decimal,
  type EngineOptions,
  integer,
  option,
  toEngineConfig,
} from './options.js'
import { createProgress, dim } from './report.js'

type RunOptions = EngineOptions & {
  readonly raw: boolean
  readonly system?: string
  readonly maxTokens: number
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly seed?: number
  readonly stop: readonly string[]
  readonly json: boolean
}

const TOKENS_MAX = 2 ** 31 - 1

export function runCommand(): Command {
  const command = new Command('run')
    .description('answer one prompt on stdout')
    .usage('[options] [model] [prompt]')
    .argument('[model]', MODEL_HELP)
    .argument('[prompt]', 'the prompt (default: read from stdin)')
    .option('--raw', 'continue the prompt as it is, without the chat template', false)
    .option('--system <text>', 'system message')
    .option(
      '--max-tokens <n>',
      'most tokens to generate',
      integer({ min: 1, max: TOKENS_MAX }),
      512,
    )
    .option('--temperature <t>', '0 is greedy', decimal({ min: 0, max: 2 }), 1)
    .option('--top-k <n>', '0 is off', integer({ min: 0, max: TOKENS_MAX }), 0)
    .option('--top-p <p>', '1 is off', decimal({ min: 0, max: 1 }), 1)
    .option('--min-p <p>', '0 is off', decimal({ min: 0, max: 1 }), 0)
    .option('--repetition-penalty <r>', '1 is off', decimal({ min: 0.01, max: 10 }), 1)
    .option(
      '--seed <n>',
      'the same seed gives the same answer',
      integer({ min: 0, max: 2 ** 32 - 2 }),
    )
    .option('--stop <text>', 'end before this text; repeat it for several', collectText, [])
    .addOption(option('--json', 'print one JSON object at the end').default(false))
  return addEngineOptions(command, { parallel: 1, logLevel: 'warn' }).action(run)
}

async function run(
  first: string | undefined,
  second: string | undefined,
  options: RunOptions,
): Promise<void> {
  const { model: modelPath, prompt: given } = modelAndPrompt(first, second)
  const prompt = given ?? (await readStdin())
  const progress = createProgress()
  const engine = new EngineClient({
    config: toEngineConfig(modelPath, options),
    enginePath: options.engine,
    log: createLogger({ level: options.logLevel, part: 'run' }),
    onProgress: progress.update,
  })
  process.once('SIGINT', () => {
    engine.kill()
    process.exit(130)
  })
  try {
    const model = await engine.start()
    progress.end()
    const rendered = options.raw
      ? rawPrompt(prompt, model)
      : await renderPrompt(prompt, model, options)
    await answer({ engine, model, rendered, options })
  } finally {
    progress.end()
    await engine.stop()
  }
}

function rawPrompt(text: string, model: ModelInfo): RenderedChat {
  const tags = thinkTagsOf(model.chatTemplate)
  return {
    prompt: { text, addSpecial: true, parseSpecial: true },
    splitter: () => new ReasoningSplitter({ tags, phase: 'content' }),
  }
}

async function renderPrompt(
  prompt: string,
  model: ModelInfo,
  options: RunOptions,
): Promise<RenderedChat> {
  const renderer = new TemplateRenderer(model)
  const user = { role: 'user', content: prompt }
  const { system } = options
  const messages = system === undefined ? [user] : [{ role: 'system', content: system }, user]
  try {
    return chatPrompt(await renderer.render(messages), { model, hasGrammar: false })
  } finally {
    await renderer.close()
  }
}

type Answering = {
  readonly engine: EngineClient
  readonly model: ModelInfo
  readonly rendered: RenderedChat
  readonly options: RunOptions
}

/** Resolves after the last token; the reasoning of the model goes to stderr. */
function answer({ engine, model, rendered, options }: Answering): Promise<void> {
  const splitter = rendered.splitter()
  const whole = { reasoning: '', content: '' }
  const take = ({ reasoning, content }: Split): void => {
    whole.reasoning += reasoning
    whole.content += content
    if (options.json) return
    if (reasoning !== '') process.stderr.write(dim(reasoning))
    if (content !== '') process.stdout.write(content)
  }
  return new Promise((resolve, reject) => {
    engine.generate(rendered.prompt, samplingOf(options, model), {
      started: () => {},
      prefill: () => {},
      promptLogprobs: () => {},
      output: (output) => take(splitter.push(output.text)),
      finished: (reason, usage) => {
        take(splitter.end())
        if (options.json) writeJson(whole, reason, usage)
        else process.stdout.write('\n')
        process.stderr.write(`${dim(speedLine(usage))}\n`)
        resolve()
      },
      failed: reject,
    })
  })
}

function samplingOf(options: RunOptions, model: ModelInfo): SamplingParams {
  return {
    maxTokens: Math.min(options.maxTokens, model.contextLength),
    temperature: options.temperature,
    topK: options.topK,
    topP: options.topP,
    minP: options.minP,
    repetitionPenalty: options.repetitionPenalty,
    presencePenalty: 0,
    frequencyPenalty: 0,
    penaltyLastN: -1,
    logitBias: [],
    stop: options.stop,
    stopTokenIds: [],
    ignoreEos: false,
    minTokens: 0,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  }
}

function writeJson(whole: Split, reason: FinishReason, usage: Usage): void {
  const body = { text: whole.content, reasoning: whole.reasoning, finishReason: reason, usage }
  process.stdout.write(`${JSON.stringify(body)}\n`)
}

function speedLine({ promptTokens, cachedTokens, completionTokens, timings }: Usage): string {
  const prefill = perSecond(promptTokens - cachedTokens, timings.prefill).toFixed(1)
  const decode = perSecond(completionTokens, timings.decode).toFixed(1)
  return `prompt ${promptTokens} tokens at ${prefill}/s, answer ${completionTokens} tokens at ${decode}/s`
}

async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) {
    throw new SputnikError('USAGE', 'give a prompt, or pipe one into stdin')
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    size += (chunk as Buffer).length
    if (size > BODY_BYTES_MAX) throw new SputnikError('USAGE', 'the prompt on stdin is too long')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8').trimEnd()
}

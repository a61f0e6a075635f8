/**
 * Answers of /v1/completions, streamed and in one piece. Knows nothing of sockets and of how the
 * text came to be.
 */
import type { FinishReason, StepOutput, TokenChoice } from '../engine/protocol.js'
import {
  type AnswerHead,
  type CollectFormat,
  chunkStart,
  type Progress,
  type StreamFormat,
  usageChunk,
} from './answer.js'
import type { PromptLogprobs } from './sequence-group.js'
import { CompletionLogprobsBuilder } from './token-text.js'
import type { UsageTotal } from './usage.js'

export type CompletionFormatOptions = {
  readonly head: AnswerHead
  readonly choices: number
  /** What `echo` puts before the answer of each choice; empty without it. */
  readonly echoes: readonly string[]
  readonly withLogprobs: boolean
  readonly withUsage: boolean
  readonly withTokenIds: boolean
}

const OBJECT = 'text_completion'

type StreamedChoice = {
  readonly logprobs: CompletionLogprobsBuilder | undefined
  /** The echo until it is sent with the first text. */
  echo: string
  tokens: number[]
}

export class CompletionStream implements StreamFormat {
  readonly #options: CompletionFormatOptions
  readonly #start: string
  readonly #choices: readonly StreamedChoice[]

  constructor(options: CompletionFormatOptions) {
    this.#options = options
    this.#start = chunkStart(options.head, OBJECT, options.withUsage)
    this.#choices = Array.from({ length: options.choices }, (_, index) => ({
      logprobs: options.withLogprobs ? new CompletionLogprobsBuilder() : undefined,
      echo: options.echoes[index] ?? '',
      tokens: [],
    }))
  }

  progress(progress: Progress): string {
    return `${this.#start},"choices":[],"prompt_progress":${JSON.stringify(progress)}}\n\n`
  }

  promptLogprobs(index: number, logprobs: PromptLogprobs): string {
    const builder = this.#choices[index]?.logprobs
    if (builder !== undefined) addPrompt(builder, logprobs)
    return ''
  }

  output(index: number, output: StepOutput): string {
    const choice = this.#choices[index]
    if (choice === undefined) return ''
    addTokens(choice.logprobs, output.choices)
    if (this.#options.withTokenIds) choice.tokens.push(...output.tokens)
    const hasNews = output.text !== '' || choice.tokens.length > 0
    return hasNews ? this.#chunk(index, choice, output.text) : ''
  }

  finished(index: number, reason: FinishReason): string {
    const choice = this.#choices[index]
    return choice === undefined ? '' : this.#chunk(index, choice, '', reason)
  }

  end(total: UsageTotal): string {
    return this.#options.withUsage ? usageChunk(this.#options.head, OBJECT, total) : ''
  }

  #chunk(index: number, choice: StreamedChoice, text: string, reason?: FinishReason): string {
    const whole = choice.echo === '' ? text : choice.echo + text
    const tokenIds = choice.tokens
    choice.echo = ''
    choice.tokens = []
    const body = {
      index,
      text: whole,
      logprobs: choice.logprobs?.take() ?? null,
      finish_reason: reason ?? null,
      ...(this.#options.withTokenIds ? { token_ids: tokenIds } : {}),
    }
    return `${this.#start},"choices":[${JSON.stringify(body)}]}\n\n`
  }
}

type CollectedChoice = {
  readonly logprobs: CompletionLogprobsBuilder | undefined
  text: string
  readonly tokens: number[]
  reason: FinishReason | null
}

export class CompletionCollector implements CollectFormat {
  readonly #options: CompletionFormatOptions
  readonly #choices: readonly CollectedChoice[]

  constructor(options: CompletionFormatOptions) {
    this.#options = options
    this.#choices = Array.from({ length: options.choices }, (_, index) => ({
      logprobs: options.withLogprobs ? new CompletionLogprobsBuilder() : undefined,
      text: options.echoes[index] ?? '',
      tokens: [],
      reason: null,
    }))
  }

  promptLogprobs(index: number, logprobs: PromptLogprobs): void {
    const builder = this.#choices[index]?.logprobs
    if (builder !== undefined) addPrompt(builder, logprobs)
  }

  output(index: number, output: StepOutput): void {
    const choice = this.#choices[index]
    if (choice === undefined) return
    choice.text += output.text
    choice.tokens.push(...output.tokens)
    addTokens(choice.logprobs, output.choices)
  }

  finished(index: number, reason: FinishReason): void {
    const choice = this.#choices[index]
    if (choice !== undefined) choice.reason = reason
  }

  body(total: UsageTotal): unknown {
    const { head } = this.#options
    return {
      id: head.id,
      object: OBJECT,
      created: head.created,
      model: head.model,
      system_fingerprint: head.fingerprint,
      choices: this.#choices.map(({ text, logprobs, tokens, reason }, index) => ({
        index,
        text,
        logprobs: logprobs?.take() ?? null,
        finish_reason: reason,
        ...(this.#options.withTokenIds ? { token_ids: tokens } : {}),
      })),
      usage: total.usage(),
      timings: total.timings(),
    }
  }
}

/** The engine gives probabilities from the second token on; the first has none. */
function addPrompt(builder: CompletionLogprobsBuilder, { tokens, texts }: PromptLogprobs): void {
  const [first] = texts
  if (first !== undefined) builder.addFirst(first)
  const skipped = tokens.length === texts.length ? 1 : 0
  for (const token of tokens.slice(skipped)) builder.add(token)
}

function addTokens(
  builder: CompletionLogprobsBuilder | undefined,
  choices: readonly TokenChoice[] | undefined,
): void {
  if (builder === undefined) return
  for (const choice of choices ?? []) builder.add(choice)
}

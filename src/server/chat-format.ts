/**
 * Answers of /v1/chat/completions, streamed and in one piece. Knows nothing of sockets and of
 * how the text came to be.
 */
import type { FinishReason, StepOutput } from '../engine/protocol.js'
import {
  type AnswerHead,
  type CollectFormat,
  chunkStart,
  type Progress,
  type StreamFormat,
  usageChunk,
} from './answer.js'
import type { ReasoningSplitter, Split } from './reasoning.js'
import { type ChatTokenLogprob, toChatLogprob } from './token-text.js'
import type { UsageTotal } from './usage.js'

export type ChatFormatOptions = {
  readonly head: AnswerHead
  readonly choices: number
  readonly splitter: () => ReasoningSplitter
  readonly withUsage: boolean
  readonly withTokenIds: boolean
}

const CHUNK = 'chat.completion.chunk'

type StreamedChoice = {
  readonly splitter: ReasoningSplitter
  hasRole: boolean
  hasContent: boolean
  logprobs: ChatTokenLogprob[]
}

export class ChatStream implements StreamFormat {
  readonly #options: ChatFormatOptions
  readonly #start: string
  readonly #choices: readonly StreamedChoice[]

  constructor(options: ChatFormatOptions) {
    this.#options = options
    this.#start = chunkStart(options.head, CHUNK, options.withUsage)
    this.#choices = Array.from({ length: options.choices }, () => ({
      splitter: options.splitter(),
      hasRole: false,
      hasContent: false,
      logprobs: [],
    }))
  }

  /** Without choices: a chunk with one would count as the first token. */
  progress(progress: Progress): string {
    return `${this.#start},"choices":[],"prompt_progress":${JSON.stringify(progress)}}\n\n`
  }

  promptLogprobs(): string {
    return ''
  }

  output(index: number, output: StepOutput): string {
    const choice = this.#choices[index]
    if (choice === undefined) return ''
    for (const token of output.choices ?? []) choice.logprobs.push(toChatLogprob(token))
    return this.#deltas(index, choice, choice.splitter.push(output.text))
  }

  finished(index: number, reason: FinishReason): string {
    const choice = this.#choices[index]
    if (choice === undefined) return ''
    const rest = this.#deltas(index, choice, choice.splitter.end())
    const delta = choice.hasContent ? {} : { ...takeRole(choice), content: '' }
    return rest + this.#chunk(index, choice, JSON.stringify(delta), `"${reason}"`)
  }

  end(total: UsageTotal): string {
    return this.#options.withUsage ? usageChunk(this.#options.head, CHUNK, total) : ''
  }

  /** Two chunks when the reasoning ends within this text: clients look for one or the other. */
  #deltas(index: number, choice: StreamedChoice, { reasoning, content }: Split): string {
    let chunks = ''
    if (reasoning !== '') {
      const delta = { ...takeRole(choice), reasoning_content: reasoning }
      chunks += this.#chunk(index, choice, JSON.stringify(delta), 'null')
    }
    if (content === '') return chunks
    const role = choice.hasRole ? '' : '"role":"assistant",'
    choice.hasRole = true
    choice.hasContent = true
    return (
      chunks + this.#chunk(index, choice, `{${role}"content":${JSON.stringify(content)}}`, 'null')
    )
  }

  #chunk(index: number, choice: StreamedChoice, delta: string, reason: string): string {
    const logprobs = takeLogprobs(choice)
    const fields = `"index":${index},"delta":${delta}${logprobs},"finish_reason":${reason}`
    return `${this.#start},"choices":[{${fields}}]}\n\n`
  }
}

function takeRole(choice: StreamedChoice): { role?: 'assistant' } {
  if (choice.hasRole) return {}
  choice.hasRole = true
  return { role: 'assistant' }
}

function takeLogprobs(choice: StreamedChoice): string {
  if (choice.logprobs.length === 0) return ''
  const text = JSON.stringify({ content: choice.logprobs, refusal: null })
  choice.logprobs = []
  return `,"logprobs":${text}`
}

type CollectedChoice = {
  readonly splitter: ReasoningSplitter
  reasoning: string
  content: string
  readonly logprobs: ChatTokenLogprob[]
  readonly tokens: number[]
  reason: FinishReason | null
}

export class ChatCollector implements CollectFormat {
  readonly #options: ChatFormatOptions
  readonly #choices: readonly CollectedChoice[]

  constructor(options: ChatFormatOptions) {
    this.#options = options
    this.#choices = Array.from({ length: options.choices }, () => ({
      splitter: options.splitter(),
      reasoning: '',
      content: '',
      logprobs: [],
      tokens: [],
      reason: null,
    }))
  }

  promptLogprobs(): void {}

  output(index: number, output: StepOutput): void {
    const choice = this.#choices[index]
    if (choice === undefined) return
    add(choice, choice.splitter.push(output.text))
    choice.tokens.push(...output.tokens)
    for (const token of output.choices ?? []) choice.logprobs.push(toChatLogprob(token))
  }

  finished(index: number, reason: FinishReason): void {
    const choice = this.#choices[index]
    if (choice === undefined) return
    add(choice, choice.splitter.end())
    choice.reason = reason
  }

  body(total: UsageTotal): unknown {
    const { head } = this.#options
    return {
      id: head.id,
      object: 'chat.completion',
      created: head.created,
      model: head.model,
      system_fingerprint: head.fingerprint,
      choices: this.#choices.map((choice, index) => this.#choiceBody(choice, index)),
      usage: total.usage(),
      timings: total.timings(),
    }
  }

  #choiceBody(choice: CollectedChoice, index: number): unknown {
    const { reasoning, content, logprobs, tokens, reason } = choice
    return {
      index,
      message: {
        role: 'assistant',
        ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
        content,
        refusal: null,
      },
      logprobs: logprobs.length === 0 ? null : { content: logprobs, refusal: null },
      ...(this.#options.withTokenIds ? { token_ids: tokens } : {}),
      finish_reason: reason,
    }
  }
}

function add(choice: CollectedChoice, { reasoning, content }: Split): void {
  choice.reasoning += reasoning
  choice.content += content
}

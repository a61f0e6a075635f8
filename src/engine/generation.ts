/**
 * One request from its first token to its last: what was generated, what may be shown, when it
 * ends. Knows nothing of batches and of the KV cache.
 */
import type { Vocab } from '../native/llama-vocab.js'
import type { FinishReason, SamplingParams, StepOutput, TokenChoice, Usage } from './protocol.js'
import type { TokenSampler } from './sampling.js'
import type { Sequence } from './sequence.js'
import { TextStream } from './text-stream.js'
import { tokenChoice } from './token-choice.js'

export type GenerationOptions = {
  readonly sequence: Sequence
  readonly params: SamplingParams
  readonly sampler: TokenSampler
  readonly vocab: Vocab
  /** Seconds. */
  readonly submittedAt: number
}

export class Generation {
  readonly sequence: Sequence
  readonly params: SamplingParams
  readonly sampler: TokenSampler
  readonly #vocab: Vocab
  readonly #text: TextStream
  readonly #submittedAt: number
  #admittedAt: number | undefined
  #firstTokenAt: number | undefined
  #completionTokens = 0
  /** A stop string was found, so nothing is held back any more. */
  #isCut = false
  #promptChoices: TokenChoice[] = []
  // What the current step adds.
  #stepText = ''
  #stepTokens: number[] = []
  #stepChoices: TokenChoice[] = []

  constructor(options: GenerationOptions) {
    this.sequence = options.sequence
    this.params = options.params
    this.sampler = options.sampler
    this.#vocab = options.vocab
    this.#text = new TextStream(options.params.stop)
    this.#submittedAt = options.submittedAt
  }

  get id(): number {
    return this.sequence.id
  }

  get promptChoices(): readonly TokenChoice[] {
    return this.#promptChoices
  }

  /** The request left the queue. */
  admit(now: number): void {
    this.#admittedAt = now
  }

  addPromptChoice(token: number, logits: Float32Array): void {
    const topCount = this.params.promptLogprobs ?? 0
    this.#promptChoices.push(tokenChoice({ vocab: this.#vocab, logits, token, topCount }))
  }

  /** Takes a sampled token; 'stop' when it, or the text it completes, ends the answer. */
  take(token: number, step: { logits: () => Float32Array; now: number }): 'stop' | undefined {
    this.#firstTokenAt ??= step.now
    this.#completionTokens++
    if (this.#vocab.isEog(token) || this.params.stopTokenIds.includes(token)) return 'stop'
    this.#stepTokens.push(token)
    const topCount = this.params.logprobs
    if (topCount !== undefined) {
      const logits = step.logits()
      this.#stepChoices.push(tokenChoice({ vocab: this.#vocab, logits, token, topCount }))
    }
    const { text, isStopped } = this.#text.push(this.#vocab.piece(token))
    this.#stepText += text
    if (!isStopped) return undefined
    this.#isCut = true
    return 'stop'
  }

  /** Lets go of text that was held back; call it once, at the end. */
  finish(): void {
    if (this.#isCut) return
    this.#stepText += this.#text.flush().text
  }

  /** What the step added; undefined when that is nothing. */
  takeOutput(): StepOutput | undefined {
    if (this.#stepTokens.length === 0 && this.#stepText === '') return undefined
    const output: StepOutput = {
      id: this.id,
      text: this.#stepText,
      tokens: this.#stepTokens,
      ...(this.params.logprobs === undefined ? {} : { choices: this.#stepChoices }),
    }
    this.#stepText = ''
    this.#stepTokens = []
    this.#stepChoices = []
    return output
  }

  usage(now: number): Usage {
    const admittedAt = this.#admittedAt ?? now
    const firstTokenAt = this.#firstTokenAt ?? now
    return {
      promptTokens: this.sequence.promptLength,
      cachedTokens: this.sequence.cachedTokens,
      completionTokens: this.#completionTokens,
      timings: {
        queued: admittedAt - this.#submittedAt,
        prefill: firstTokenAt - admittedAt,
        decode: now - firstTokenAt,
      },
    }
  }
}

export type Finish = { readonly generation: Generation; readonly reason: FinishReason }

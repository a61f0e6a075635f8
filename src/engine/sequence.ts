/** One request as the scheduler sees it: tokens, and how far they are computed. */

export type SequenceOptions = {
  readonly id: number
  readonly prompt: readonly number[]
  /** Most tokens to generate; 0 only computes the prompt. */
  readonly maxTokens: number
  /** Logits of every prompt position are wanted, not only of the last. */
  readonly wantsPromptLogits: boolean
}

export class Sequence {
  readonly id: number
  /** Prompt and answer; the last one may not be computed yet. */
  readonly tokens: number[]
  readonly promptLength: number
  readonly maxTokens: number
  readonly wantsPromptLogits: boolean
  /** Where its KV cache lies; -1 while it waits. */
  slot = -1
  /** Prompt tokens that were found in the KV cache. */
  cachedTokens = 0
  /** Tokens whose keys and values are in the cache. */
  computed = 0

  constructor(options: SequenceOptions) {
    this.id = options.id
    this.tokens = [...options.prompt]
    this.promptLength = options.prompt.length
    this.maxTokens = options.maxTokens
    this.wantsPromptLogits = options.wantsPromptLogits
  }

  get generated(): number {
    return this.tokens.length - this.promptLength
  }

  get isPrefill(): boolean {
    return this.computed < this.promptLength
  }
}

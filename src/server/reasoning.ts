/**
 * Splits generated text into the model's reasoning (in think tags, at the beginning only) and
 * its answer, whatever the chunks. Pure; knows nothing of tokens and requests.
 */

export type ThinkTags = { readonly open: string; readonly close: string }

export type Split = { readonly reasoning: string; readonly content: string }

const KNOWN_TAGS: readonly ThinkTags[] = [
  { open: '<think>', close: '</think>' },
  { open: '[THINK]', close: '[/THINK]' },
  { open: '<seed:think>', close: '</seed:think>' },
]
const DEFAULT_TAGS: ThinkTags = { open: '<think>', close: '</think>' }

/** The tags a chat template speaks of; `<think>` when it names none. */
export function thinkTagsOf(template: string | null): ThinkTags {
  return KNOWN_TAGS.find((tags) => template?.includes(tags.close)) ?? DEFAULT_TAGS
}

/** Did the template open the think tag itself, so that the answer begins inside it? */
export function opensThinking(prompt: string, tags: ThinkTags): boolean {
  return prompt.trimEnd().endsWith(tags.open)
}

const NOTHING: Split = { reasoning: '', content: '' }

/**
 * White space around the reasoning is dropped. Text inside the answer is never changed: a think
 * tag after the beginning is text like any other.
 */
export class ReasoningSplitter {
  readonly #tags: ThinkTags
  #phase: 'start' | 'reasoning' | 'after' | 'content'
  /** Text whose meaning is not known yet. */
  #held = ''
  /** Leading white space of the reasoning is dropped. */
  #hasReasoning = false

  constructor(options: {
    readonly tags: ThinkTags
    readonly phase: 'start' | 'reasoning' | 'content'
  }) {
    this.#tags = options.tags
    this.#phase = options.phase
  }

  push(text: string): Split {
    if (this.#phase === 'content') return text === '' ? NOTHING : { reasoning: '', content: text }
    this.#held += text
    return this.#advance()
  }

  /** The end of the text: gives back what was held. */
  end(): Split {
    const held = this.#held
    this.#held = ''
    if (this.#phase === 'start') return { reasoning: '', content: held }
    if (this.#phase !== 'reasoning') return NOTHING
    return { reasoning: this.#trimReasoning(held).trimEnd(), content: '' }
  }

  #advance(): Split {
    if (this.#phase === 'start' && !this.#leaveStart()) return NOTHING
    if (this.#phase === 'reasoning') return this.#splitReasoning()
    if (this.#phase === 'after') return this.#splitAfter()
    return this.#takeAll()
  }

  /** False while the beginning may still become the opening tag. */
  #leaveStart(): boolean {
    const begun = this.#held.trimStart()
    const { open } = this.#tags
    if (begun.startsWith(open)) {
      this.#phase = 'reasoning'
      this.#held = begun.slice(open.length)
      return true
    }
    if (open.startsWith(begun)) return false
    this.#phase = 'content'
    return true
  }

  #splitReasoning(): Split {
    const { close } = this.#tags
    const at = this.#held.indexOf(close)
    if (at < 0) return { reasoning: this.#takeReasoning(), content: '' }
    const reasoning = this.#trimReasoning(this.#held.slice(0, at)).trimEnd()
    this.#held = this.#held.slice(at + close.length)
    this.#phase = 'after'
    return { reasoning, content: this.#splitAfter().content }
  }

  /** All but what may be the beginning of the closing tag, and white space before it. */
  #takeReasoning(): string {
    const safe = this.#held.slice(
      0,
      this.#held.length - partialSuffix(this.#held, this.#tags.close),
    )
    const text = this.#trimReasoning(safe).trimEnd()
    const kept = safe.length - safe.trimEnd().length
    this.#held = this.#held.slice(safe.length - kept)
    return text
  }

  #trimReasoning(text: string): string {
    if (this.#hasReasoning) return text
    const trimmed = text.trimStart()
    this.#hasReasoning = trimmed !== ''
    return trimmed
  }

  #splitAfter(): Split {
    this.#held = this.#held.trimStart()
    if (this.#held === '') return NOTHING
    this.#phase = 'content'
    return this.#takeAll()
  }

  #takeAll(): Split {
    const content = this.#held
    this.#held = ''
    return { reasoning: '', content }
  }
}

/** Length of the longest end of `text` that begins `word` but is not all of it. */
function partialSuffix(text: string, word: string): number {
  for (let length = Math.min(word.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(word.slice(0, length))) return length
  }
  return 0
}

/**
 * How log-probabilities look in the two OpenAI forms. Knows nothing of streams.
 */
import type { TokenChoice, TokenLogprob } from '../engine/protocol.js'

/** JSON has no -Infinity; this stands for "practically impossible". */
const LOGPROB_MIN = -9999

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of a token, or `bytes:\xe2\x82` when it is only part of a character (as OpenAI). */
export function tokenText(bytes: readonly number[]): string {
  try {
    return decoder.decode(Uint8Array.from(bytes))
  } catch {
    return `bytes:${bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`
  }
}

export function finiteLogprob(logprob: number): number {
  return Number.isFinite(logprob) ? Math.max(logprob, LOGPROB_MIN) : LOGPROB_MIN
}

export type ChatLogprob = {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[]
}
export type ChatTokenLogprob = ChatLogprob & { readonly top_logprobs: readonly ChatLogprob[] }

export function toChatLogprob(choice: TokenChoice): ChatTokenLogprob {
  return { ...toEntry(choice), top_logprobs: choice.top.map(toEntry) }
}

function toEntry({ bytes, logprob }: TokenLogprob): ChatLogprob {
  return { token: tokenText(bytes), logprob: finiteLogprob(logprob), bytes }
}

/** The form of /v1/completions: four lists of the same length. */
export type CompletionLogprobs = {
  readonly tokens: string[]
  readonly token_logprobs: Array<number | null>
  readonly top_logprobs: Array<Record<string, number> | null>
  readonly text_offset: number[]
}

/** Gathers tokens into the form of /v1/completions; offsets count UTF-16 units of the text. */
export class CompletionLogprobsBuilder {
  readonly #decoder = new TextDecoder('utf-8')
  #offset = 0
  #lists = emptyLists()

  /** A token without a probability: the first of a prompt. */
  addFirst(text: string): void {
    this.#add(text, null, null)
    this.#offset += text.length
  }

  add(choice: TokenChoice): void {
    const top: Record<string, number> = Object.create(null)
    for (const entry of choice.top) top[tokenText(entry.bytes)] ??= finiteLogprob(entry.logprob)
    const text = tokenText(choice.bytes)
    const logprob = finiteLogprob(choice.logprob)
    // The chosen token is always among them, even beyond the number asked for.
    top[text] ??= logprob
    this.#add(text, logprob, top)
    this.#offset += this.#decoder.decode(Uint8Array.from(choice.bytes), { stream: true }).length
  }

  /** What was gathered since the last call. */
  take(): CompletionLogprobs {
    const lists = this.#lists
    this.#lists = emptyLists()
    return lists
  }

  #add(text: string, logprob: number | null, top: Record<string, number> | null): void {
    this.#lists.tokens.push(text)
    this.#lists.token_logprobs.push(logprob)
    this.#lists.top_logprobs.push(top)
    this.#lists.text_offset.push(this.#offset)
  }
}

function emptyLists(): CompletionLogprobs {
  return { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] }
}

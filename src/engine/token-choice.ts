/** Log-probabilities of chosen and prompt tokens, with their bytes, as clients get them. */
import type { Vocab } from '../native/llama-vocab.js'
import { type RankedToken, tokenLogprobs } from './logprobs.js'
import type { TokenChoice, TokenLogprob } from './protocol.js'

export type ChoiceOptions = {
  readonly vocab: Vocab
  readonly logits: Float32Array
  readonly token: number
  /** How many of the most likely tokens to list. */
  readonly topCount: number
}

export function tokenChoice({ vocab, logits, token, topCount }: ChoiceOptions): TokenChoice {
  const { logprob, top } = tokenLogprobs(logits, { token, topCount })
  return {
    ...describe(vocab, { token, logprob }),
    top: top.map((ranked) => describe(vocab, ranked)),
  }
}

function describe(vocab: Vocab, { token, logprob }: RankedToken): TokenLogprob {
  return { token, bytes: [...vocab.pieceWithSpecial(token)], logprob }
}

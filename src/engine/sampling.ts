/**
 * Chooses the next token of one sequence through libllama's samplers, in llama.cpp's usual order:
 * logit bias, penalties, top-k, top-p, min-p, temperature, draw. Knows nothing of text.
 */
import { assert } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { Context } from '../native/llama-context.js'
import {
  type Candidates,
  type GrammarSampler,
  type LogitBias,
  SamplerChain,
} from '../native/llama-sampler.js'
import type { Vocab } from '../native/llama-vocab.js'
import type { SamplingParams } from './protocol.js'

export type SamplerOptions = {
  readonly vocab: Vocab
  readonly params: SamplingParams
  /** For requests without a seed: 32 random bits. */
  readonly seed: number
  /** Most tokens of a sequence, for penalties over all of it. */
  readonly contextLength: number
  readonly prompt: readonly number[]
  readonly grammar: GrammarSampler | undefined
}

/** Where the logits of the sequence lie after a decode. */
export type LogitsRow = {
  readonly context: Context
  /** Row counted from the end: -1 is the last. */
  readonly fromEnd: number
  readonly logits: () => Float32Array
  /** Shared scratch memory. */
  readonly candidates: () => Candidates
}

/** Far beyond any logit; larger ones could become infinite, and their differences no numbers. */
const BIAS_MAX = 1e9

/** The library takes this seed as "draw one". */
const SEED_DRAWN_BY_LIBRARY = 0xffff_ffff

/** Such a step belongs to a grammar whose ambiguity doubles with each token. */
const GRAMMAR_STEP_MS_MAX = 2000

export class TokenSampler {
  readonly #chain: SamplerChain
  readonly #grammar: GrammarSampler | undefined
  readonly #vocab: Vocab
  readonly #now: () => number
  /** Tokens until the ban on end-of-text tokens, the chain's first sampler, is lifted. */
  #bannedTokens: number

  /** `now` counts milliseconds. */
  constructor(options: SamplerOptions, now: () => number) {
    const { vocab, params, grammar } = options
    const hasBan = params.minTokens > 0 && !params.ignoreEos && vocab.eogTokens.length > 0
    this.#bannedTokens = hasBan ? params.minTokens : 0
    this.#vocab = vocab
    this.#grammar = grammar
    this.#now = now
    this.#chain = buildChain(options, hasBan)
  }

  /**
   * The next token; undefined when the grammar is complete and nothing may follow.
   * @throws SputnikError BAD_GRAMMAR when the grammar can neither go on nor end
   */
  sample(row: LogitsRow): number | undefined {
    const token =
      this.#grammar === undefined
        ? this.#chain.sample(row.context, row.fromEnd)
        : this.#sampleConstrained(row, this.#grammar)
    if (this.#bannedTokens > 0 && --this.#bannedTokens === 0) this.#chain.removeFirst()
    return token
  }

  /** Asks the grammar about the free choice first: most steps then need not check all tokens. */
  #sampleConstrained(row: LogitsRow, grammar: GrammarSampler): number | undefined {
    const started = this.#now()
    const candidates = row.candidates()
    candidates.fill(row.logits())
    this.#chain.apply(candidates)
    let token = candidates.selected()
    if (token !== undefined && !isAllowed(grammar, candidates, token)) {
      candidates.fill(row.logits())
      grammar.apply(candidates)
      this.#chain.apply(candidates)
      token = candidates.selected()
    }
    if (token === undefined) return this.#endOfGrammar(grammar, candidates)
    this.#chain.accept(token)
    if (!this.#vocab.isEog(token)) grammar.accept(token)
    if (this.#now() - started > GRAMMAR_STEP_MS_MAX) {
      throw new SputnikError('BAD_GRAMMAR', 'the grammar is too ambiguous: a token took too long')
    }
    return token
  }

  #endOfGrammar(grammar: GrammarSampler, candidates: Candidates): undefined {
    const isComplete = this.#vocab.eogTokens.some((token) => isAllowed(grammar, candidates, token))
    if (isComplete || this.#vocab.eogTokens.length === 0) return undefined
    throw new SputnikError('BAD_GRAMMAR', 'the grammar leaves no token that could follow')
  }

  free(): void {
    this.#chain.free()
    this.#grammar?.free()
  }
}

function isAllowed(grammar: GrammarSampler, candidates: Candidates, token: number): boolean {
  candidates.fillOne(token)
  grammar.apply(candidates)
  return candidates.logitAt(0) > -Infinity
}

function buildChain(options: SamplerOptions, hasBan: boolean): SamplerChain {
  const { vocab, params } = options
  const chain = new SamplerChain()
  if (hasBan) chain.addLogitBias(vocab, banned(vocab.eogTokens))
  const biases = collectBiases(vocab, params)
  if (biases.length > 0) chain.addLogitBias(vocab, biases)
  addPenalties(chain, options)
  if (params.temperature === 0) {
    chain.addGreedy()
    return chain
  }
  if (params.topK > 0) chain.addTopK(params.topK)
  if (params.topP < 1) chain.addTopP(params.topP)
  if (params.minP > 0) chain.addMinP(params.minP)
  if (params.temperature !== 1) chain.addTemperature(params.temperature)
  chain.addDistribution(seed32(params.seed ?? options.seed))
  return chain
}

function banned(tokens: Iterable<number>): LogitBias[] {
  return Array.from(tokens, (token) => [token, -Infinity] as const)
}

function collectBiases(vocab: Vocab, params: SamplingParams): LogitBias[] {
  const biases = params.logitBias.map(([token, bias]) => {
    if (!Number.isInteger(token) || token < 0 || token >= vocab.size) {
      throw new SputnikError('BAD_PARAM', `logit_bias names token ${token} of ${vocab.size}`, {
        param: 'logit_bias',
      })
    }
    return [token, Math.max(-BIAS_MAX, Math.min(BIAS_MAX, bias))] as const
  })
  const eog = params.ignoreEos ? banned(vocab.eogTokens) : []
  return [...biases, ...banned(vocab.suppressedTokens()), ...eog]
}

function addPenalties(chain: SamplerChain, options: SamplerOptions): void {
  const { vocab, params, contextLength, prompt } = options
  const { repetitionPenalty, frequencyPenalty, presencePenalty, penaltyLastN } = params
  const isOff = repetitionPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0
  const lastN = penaltyLastN < 0 ? contextLength : Math.min(penaltyLastN, contextLength)
  if (isOff || lastN === 0) return
  chain.addPenalties(vocab, {
    lastN,
    repeat: repetitionPenalty,
    frequency: frequencyPenalty,
    presence: presencePenalty,
  })
  for (const token of prompt.slice(-lastN)) chain.accept(token)
}

function seed32(seed: number): number {
  assert(Number.isSafeInteger(seed), `seed ${seed}`)
  const low = Number(BigInt.asUintN(32, BigInt(seed)))
  return low === SEED_DRAWN_BY_LIBRARY ? low - 1 : low
}

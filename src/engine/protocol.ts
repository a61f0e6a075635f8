/**
 * What the server and the engine process say to each other, as plain data over node's IPC.
 * Knows nothing of HTTP and nothing of libllama.
 */
import type { PlainError } from '../base/errors.js'
import type { FleetCommand, FleetReply, FleetView } from './fleet-protocol.js'

export type * from './fleet-protocol.js'

export type Grammar =
  | { readonly kind: 'gbnf'; readonly text: string }
  | { readonly kind: 'schema'; readonly schema: unknown }

export type SamplingParams = {
  /** Most tokens to generate; at least 0 (0 only with `promptLogprobs`). */
  readonly maxTokens: number
  /** 0 is greedy. */
  readonly temperature: number
  /** 0 is off. */
  readonly topK: number
  /** 1 is off. */
  readonly topP: number
  /** 0 is off. */
  readonly minP: number
  /** 1 is off. */
  readonly repetitionPenalty: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  /** Tokens the three penalties look back on; -1 is the whole context. */
  readonly penaltyLastN: number
  /** Undefined: drawn by the engine. */
  readonly seed?: number
  readonly logitBias: ReadonlyArray<readonly [token: number, bias: number]>
  readonly stop: readonly string[]
  readonly stopTokenIds: readonly number[]
  readonly ignoreEos: boolean
  /** End-of-text tokens are impossible before this many tokens. */
  readonly minTokens: number
  /** Most likely tokens to report beside each chosen one; undefined: no log-probabilities. */
  readonly logprobs?: number
  /** The same for the tokens of the prompt (`echo` with `logprobs`). */
  readonly promptLogprobs?: number
  readonly grammar?: Grammar
}

export type Prompt =
  | { readonly text: string; readonly addSpecial: boolean; readonly parseSpecial: boolean }
  | { readonly tokens: readonly number[] }

/** Everything an engine process needs to start; sent to it as its first message. */
export type EngineConfig = {
  /** Path of the GGUF file (of the first one when it is split). */
  readonly modelPath: string
  /** Name for /v1/models; undefined: the file name without `.gguf`. */
  readonly modelId?: string
  /** Card processes to start; 0 computes experts in the engine. */
  readonly cards: number
  /** Threads of the head and of each card. */
  readonly threads: number
  readonly cardThreads: number
  /** Most tokens of one sequence, prompt and answer together; 0: what the model was trained for. */
  readonly contextLength: number
  /** Sequences that run at the same time. */
  readonly parallel: number
  /** Most tokens of one step (the prefill chunk). */
  readonly batch: number
  /** ggml type names of the KV cache, for example f16, q8_0, q4_0. */
  readonly kvType: string
  readonly flashAttention: 'auto' | 'on' | 'off'
  /** Encoding of activations between head and cards. */
  readonly wire: 'f32' | 'bf16' | 'q8_0'
  /** Cards send the rows of all experts, so that no placement changes a bit of a result. */
  readonly exact: boolean
  /** Where domains may join, `host:port`; undefined: nowhere. */
  readonly fleetListen?: string
  /** Links to domains are not encrypted; loopback only. */
  readonly fleetPlain?: boolean
  /** Domains that hold each page; 1 when left out. */
  readonly replicas?: number
  /** Longest wait for pages that no domain holds; `PAGES_MS` when left out. */
  readonly pagesMs?: number
  /** Most bytes of pages of each card of this host; all there are when left out. */
  readonly cardMemory?: number
  /** Which native library to load: the CPU one or a GPU variant. */
  readonly backend: 'auto' | 'cpu' | 'cuda' | 'vulkan' | 'metal'
  /** Trunk layers to put on the GPU when the backend has one; -1 is all. */
  readonly gpuLayers: number
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug'
}

/** The encoding to use when nobody asks for one. */
export const defaultWire: EngineConfig['wire'] = 'f32'

export type EngineCommand =
  | { readonly kind: 'start'; readonly config: EngineConfig }
  | {
      readonly kind: 'generate'
      readonly id: number
      readonly prompt: Prompt
      readonly params: SamplingParams
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | {
      readonly kind: 'tokenize'
      readonly id: number
      readonly text: string
      readonly addSpecial: boolean
      readonly parseSpecial: boolean
    }
  | { readonly kind: 'detokenize'; readonly id: number; readonly tokens: readonly number[] }
  | { readonly kind: 'stats'; readonly id: number }
  | FleetCommand
  | { readonly kind: 'shutdown' }

export type TokenLogprob = {
  readonly token: number
  /** The token's own bytes, which may be part of a character. */
  readonly bytes: readonly number[]
  /** Natural logarithm of the probability before penalties and temperature; always finite. */
  readonly logprob: number
}

/** One chosen (or prompt) token with its neighbours. `top` is sorted, most likely first. */
export type TokenChoice = TokenLogprob & { readonly top: readonly TokenLogprob[] }

export type FinishReason = 'stop' | 'length'

/** Seconds, all measured inside the engine on its own monotonic clock. */
export type Timings = {
  readonly queued: number
  readonly prefill: number
  readonly decode: number
}

export type Usage = {
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
  readonly timings: Timings
}

export type EngineEvent =
  /** While loading: a stage with bytes or layers done of total. */
  | {
      readonly kind: 'loading'
      readonly stage: string
      readonly done: number
      readonly total: number
    }
  | { readonly kind: 'ready'; readonly model: ModelInfo }
  /** The engine cannot start; the process ends after this. */
  | { readonly kind: 'failed'; readonly error: PlainError }
  /** The request left the queue: prompt length is known. */
  | {
      readonly kind: 'started'
      readonly id: number
      readonly promptTokens: number
      readonly cachedTokens: number
    }
  /** Prefill progress of one request, at most once a step. */
  | {
      readonly kind: 'prefill'
      readonly id: number
      readonly done: number
      readonly total: number
    }
  /** What one step produced, all sequences together. */
  | { readonly kind: 'step'; readonly outputs: readonly StepOutput[] }
  /**
   * Log-probabilities of the prompt's tokens, before any `step` of the sequence. `texts` has one
   * entry per prompt token; the first token has no probability, so `tokens[i]` is `texts[i + 1]`.
   */
  | {
      readonly kind: 'prompt-logprobs'
      readonly id: number
      readonly tokens: readonly TokenChoice[]
      readonly texts: readonly string[]
    }
  | {
      readonly kind: 'finished'
      readonly id: number
      readonly reason: FinishReason
      readonly usage: Usage
    }
  /** One request failed; the engine goes on. */
  | { readonly kind: 'error'; readonly id: number; readonly error: PlainError }
  | { readonly kind: 'tokens'; readonly id: number; readonly tokens: readonly number[] }
  | { readonly kind: 'text'; readonly id: number; readonly text: string }
  | { readonly kind: 'stats'; readonly id: number; readonly stats: EngineStats }
  | FleetReply

export type StepOutput = {
  readonly id: number
  /** Whole characters only; text that may become a stop string is held back. May be empty. */
  readonly text: string
  /** Tokens behind `text` so far, in order; with `logprobs` their choices. */
  readonly tokens: readonly number[]
  readonly choices?: readonly TokenChoice[]
}

export type ModelInfo = {
  /** Name for /v1/models: the file name without `.gguf` unless the user gave one. */
  readonly id: string
  readonly architecture: string
  readonly description: string
  readonly chatTemplate: string | null
  readonly bosText: string
  readonly eosText: string
  readonly vocabSize: number
  readonly hasVocab: boolean
  /** Most tokens of one sequence (prompt and answer together). */
  readonly contextLength: number
  readonly trainContextLength: number
  readonly parallel: number
  readonly experts: number
  readonly expertsUsed: number
  readonly cards: number
  /** Hash over model file, quantisation and library release. */
  readonly fingerprint: string
}

export type CardStats = {
  readonly id: number
  readonly pid: number
  readonly device: string
  readonly pages: number
  readonly pageBytes: number
  readonly expertCalls: number
  readonly restarts: number
  readonly bytesSent: number
  readonly bytesReceived: number
}

export type EngineStats = {
  /** Null when the head does not listen for domains. */
  readonly fleet: FleetView | null
  readonly waiting: number
  readonly running: number
  readonly steps: number
  readonly promptTokens: number
  readonly generatedTokens: number
  readonly cachedTokens: number
  readonly kvUsedTokens: number
  readonly kvTotalTokens: number
  readonly regions: number
  readonly cards: readonly CardStats[]
}

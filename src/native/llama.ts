/**
 * The functions of libllama that sputnik calls, with their C prototypes (llama.h of the pinned
 * release). Pointers are bigints; nothing here checks arguments.
 */
import type { LibraryHandle } from 'koffi'
import { libraries } from './library.js'
import {
  type BatchStruct,
  type ContextParams,
  type Defaults,
  defineStructs,
  type ModelParams,
  readDefaults,
} from './llama-structs.js'
import type { Pointer } from './memory.js'

type Model = Pointer
type Vocab = Pointer
type Context = Pointer
type Memory = Pointer
type Sampler = Pointer

export type Llama = ReturnType<typeof bindAll>

let bound: Llama | undefined

/**
 * The bound functions; `loadLibraries` must have run.
 * @throws SputnikError LIBRARY_MISMATCH when the struct layouts are not those of this release
 */
export function llama(): Llama {
  bound ??= bindAll(libraries().llama, libraries().located.packageName)
  return bound
}

function bindAll(library: LibraryHandle, packageName: string) {
  defineStructs()
  const defaults: Defaults = readDefaults(library, packageName)
  library.func('void llama_backend_init()')()
  return {
    defaults,
    ...bindModel(library),
    ...bindContext(library),
    ...bindVocab(library),
    ...bindSampler(library),
  }
}

function bindModel(library: LibraryHandle) {
  const fn = <F>(prototype: string): F => library.func(prototype) as unknown as F
  return {
    modelLoad: fn<(path: string, params: ModelParams) => Model | null>(
      'void *llama_model_load_from_file(const char *path, llama_model_params params)',
    ),
    modelLoadSplits: fn<(paths: string[], count: number, params: ModelParams) => Model | null>(
      'void *llama_model_load_from_splits(const char **paths, size_t count, llama_model_params params)',
    ),
    modelFree: fn<(model: Model) => void>('void llama_model_free(void *model)'),
    modelVocab: fn<(model: Model) => Vocab>('void *llama_model_get_vocab(void *model)'),
    modelTrainContext: fn<(model: Model) => number>('int32_t llama_model_n_ctx_train(void *model)'),
    modelEmbedding: fn<(model: Model) => number>('int32_t llama_model_n_embd(void *model)'),
    modelLayers: fn<(model: Model) => number>('int32_t llama_model_n_layer(void *model)'),
    modelHeads: fn<(model: Model) => number>('int32_t llama_model_n_head(void *model)'),
    modelHeadsKv: fn<(model: Model) => number>('int32_t llama_model_n_head_kv(void *model)'),
    modelSlidingWindow: fn<(model: Model) => number>('int32_t llama_model_n_swa(void *model)'),
    modelMetadata: fn<
      (model: Model, key: string, buffer: Uint8Array | null, bytes: number) => number
    >('int32_t llama_model_meta_val_str(void *model, const char *key, _Out_ void *b, size_t n)'),
    modelMetadataCount: fn<(model: Model) => number>('int32_t llama_model_meta_count(void *model)'),
    modelDescription: fn<(model: Model, buffer: Uint8Array, bytes: number) => number>(
      'int32_t llama_model_desc(void *model, _Out_ void *buffer, size_t bytes)',
    ),
    modelBytes: fn<(model: Model) => number>('uint64_t llama_model_size(void *model)'),
    modelParameters: fn<(model: Model) => number>('uint64_t llama_model_n_params(void *model)'),
    modelChatTemplate: fn<(model: Model, name: null) => string | null>(
      'const char *llama_model_chat_template(void *model, const char *name)',
    ),
    modelHasEncoder: fn<(model: Model) => boolean>('bool llama_model_has_encoder(void *model)'),
    modelHasDecoder: fn<(model: Model) => boolean>('bool llama_model_has_decoder(void *model)'),
    modelIsRecurrent: fn<(model: Model) => boolean>('bool llama_model_is_recurrent(void *model)'),
    modelIsHybrid: fn<(model: Model) => boolean>('bool llama_model_is_hybrid(void *model)'),
    modelIsDiffusion: fn<(model: Model) => boolean>('bool llama_model_is_diffusion(void *model)'),
  }
}

function bindContext(library: LibraryHandle) {
  const fn = <F>(prototype: string): F => library.func(prototype) as unknown as F
  return {
    contextInit: fn<(model: Model, params: ContextParams) => Context | null>(
      'void *llama_init_from_model(void *model, llama_context_params params)',
    ),
    contextFree: fn<(context: Context) => void>('void llama_free(void *context)'),
    contextLength: fn<(context: Context) => number>('uint32_t llama_n_ctx(void *context)'),
    contextLengthPerSequence: fn<(context: Context) => number>(
      'uint32_t llama_n_ctx_seq(void *context)',
    ),
    contextBatch: fn<(context: Context) => number>('uint32_t llama_n_batch(void *context)'),
    contextSequences: fn<(context: Context) => number>('uint32_t llama_n_seq_max(void *context)'),
    attachThreadpool: fn<(context: Context, decode: Pointer, prefill: Pointer) => void>(
      'void llama_attach_threadpool(void *context, void *decode, void *prefill)',
    ),
    detachThreadpool: fn<(context: Context) => void>('void llama_detach_threadpool(void *context)'),
    setThreads: fn<(context: Context, decode: number, prefill: number) => void>(
      'void llama_set_n_threads(void *context, int32_t decode, int32_t prefill)',
    ),
    decode: fn<(context: Context, batch: BatchStruct) => number>(
      'int32_t llama_decode(void *context, llama_batch batch)',
    ),
    synchronize: fn<(context: Context) => void>('void llama_synchronize(void *context)'),
    logits: fn<(context: Context) => Pointer | null>('void *llama_get_logits(void *context)'),
    contextMemory: fn<(context: Context) => Memory | null>('void *llama_get_memory(void *context)'),
    memoryClear: fn<(memory: Memory, data: boolean) => void>(
      'void llama_memory_clear(void *memory, bool data)',
    ),
    memoryRemove: fn<(memory: Memory, sequence: number, from: number, to: number) => boolean>(
      'bool llama_memory_seq_rm(void *memory, int32_t sequence, int32_t from, int32_t to)',
    ),
    memoryCopy: fn<
      (memory: Memory, source: number, target: number, from: number, to: number) => void
    >(
      'void llama_memory_seq_cp(void *memory, int32_t source, int32_t target, int32_t from, int32_t to)',
    ),
    memoryKeep: fn<(memory: Memory, sequence: number) => void>(
      'void llama_memory_seq_keep(void *memory, int32_t sequence)',
    ),
    memoryFirst: fn<(memory: Memory, sequence: number) => number>(
      'int32_t llama_memory_seq_pos_min(void *memory, int32_t sequence)',
    ),
    memoryLast: fn<(memory: Memory, sequence: number) => number>(
      'int32_t llama_memory_seq_pos_max(void *memory, int32_t sequence)',
    ),
    memoryCanShift: fn<(memory: Memory) => boolean>('bool llama_memory_can_shift(void *memory)'),
  }
}

function bindVocab(library: LibraryHandle) {
  const fn = <F>(prototype: string): F => library.func(prototype) as unknown as F
  return {
    vocabType: fn<(vocab: Vocab) => number>('int llama_vocab_type(void *vocab)'),
    vocabSize: fn<(vocab: Vocab) => number>('int32_t llama_vocab_n_tokens(void *vocab)'),
    vocabAttributes: fn<(vocab: Vocab, token: number) => number>(
      'int llama_vocab_get_attr(void *vocab, int32_t token)',
    ),
    vocabIsEog: fn<(vocab: Vocab, token: number) => boolean>(
      'bool llama_vocab_is_eog(void *vocab, int32_t token)',
    ),
    vocabIsControl: fn<(vocab: Vocab, token: number) => boolean>(
      'bool llama_vocab_is_control(void *vocab, int32_t token)',
    ),
    vocabBos: fn<(vocab: Vocab) => number>('int32_t llama_vocab_bos(void *vocab)'),
    vocabEos: fn<(vocab: Vocab) => number>('int32_t llama_vocab_eos(void *vocab)'),
    vocabEot: fn<(vocab: Vocab) => number>('int32_t llama_vocab_eot(void *vocab)'),
    vocabAddBos: fn<(vocab: Vocab) => boolean>('bool llama_vocab_get_add_bos(void *vocab)'),
    vocabText: fn<(vocab: Vocab, token: number) => string | null>(
      'const char *llama_vocab_get_text(void *vocab, int32_t token)',
    ),
    vocabSuppressed: fn<(vocab: Vocab, count: Int32Array) => Pointer | null>(
      'void *llama_vocab_get_suppress_tokens(void *vocab, _Out_ int32_t *count)',
    ),
    tokenize: fn<
      (
        vocab: Vocab,
        text: Uint8Array,
        textBytes: number,
        tokens: Int32Array,
        tokensMax: number,
        addSpecial: boolean,
        parseSpecial: boolean,
      ) => number
    >(
      'int32_t llama_tokenize(void *vocab, const void *text, int32_t bytes, _Out_ void *tokens, int32_t max, bool add, bool parse)',
    ),
    tokenToPiece: fn<
      (
        vocab: Vocab,
        token: number,
        buffer: Pointer,
        bytes: number,
        leftStrip: number,
        special: boolean,
      ) => number
    >(
      'int32_t llama_token_to_piece(void *vocab, int32_t token, void *buffer, int32_t bytes, int32_t strip, bool special)',
    ),
    detokenize: fn<
      (
        vocab: Vocab,
        tokens: Int32Array,
        count: number,
        text: Uint8Array,
        textBytes: number,
        removeSpecial: boolean,
        unparseSpecial: boolean,
      ) => number
    >(
      'int32_t llama_detokenize(void *vocab, const void *tokens, int32_t count, _Out_ void *text, int32_t bytes, bool remove, bool unparse)',
    ),
  }
}

function bindSampler(library: LibraryHandle) {
  const fn = <F>(prototype: string): F => library.func(prototype) as unknown as F
  return {
    samplerChain: fn<(params: { no_perf: boolean }) => Sampler>(
      'void *llama_sampler_chain_init(llama_sampler_chain_params params)',
    ),
    samplerChainAdd: fn<(chain: Sampler, sampler: Sampler) => void>(
      'void llama_sampler_chain_add(void *chain, void *sampler)',
    ),
    /** The removed sampler belongs to the caller. */
    samplerChainRemove: fn<(chain: Sampler, index: number) => Sampler | null>(
      'void *llama_sampler_chain_remove(void *chain, int32_t index)',
    ),
    samplerFree: fn<(sampler: Sampler) => void>('void llama_sampler_free(void *sampler)'),
    samplerAccept: fn<(sampler: Sampler, token: number) => void>(
      'void llama_sampler_accept(void *sampler, int32_t token)',
    ),
    samplerApply: fn<(sampler: Sampler, candidates: Pointer) => void>(
      'void llama_sampler_apply(void *sampler, void *candidates)',
    ),
    samplerSample: fn<(sampler: Sampler, context: Context, index: number) => number>(
      'int32_t llama_sampler_sample(void *sampler, void *context, int32_t index)',
    ),
    samplerGreedy: fn<() => Sampler>('void *llama_sampler_init_greedy()'),
    samplerDist: fn<(seed: number) => Sampler>('void *llama_sampler_init_dist(uint32_t seed)'),
    samplerTopK: fn<(k: number) => Sampler>('void *llama_sampler_init_top_k(int32_t k)'),
    samplerTopP: fn<(p: number, keep: number) => Sampler>(
      'void *llama_sampler_init_top_p(float p, size_t keep)',
    ),
    samplerMinP: fn<(p: number, keep: number) => Sampler>(
      'void *llama_sampler_init_min_p(float p, size_t keep)',
    ),
    samplerTemperature: fn<(t: number) => Sampler>('void *llama_sampler_init_temp(float t)'),
    samplerPenalties: fn<
      (
        vocabSize: number,
        lastN: number,
        repeat: number,
        frequency: number,
        presence: number,
      ) => Sampler
    >(
      'void *llama_sampler_init_penalties(int32_t n_vocab, int32_t last, float repeat, float frequency, float presence)',
    ),
    samplerLogitBias: fn<(vocabSize: number, count: number, biases: Uint8Array) => Sampler>(
      'void *llama_sampler_init_logit_bias(int32_t n_vocab, int32_t count, const void *biases)',
    ),
    samplerGrammar: fn<(vocab: Vocab, text: string, root: string) => Sampler | null>(
      'void *llama_sampler_init_grammar(void *vocab, const char *text, const char *root)',
    ),
  }
}

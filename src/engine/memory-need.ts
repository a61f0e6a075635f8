/**
 * How much memory a KV cache takes and how long a context fits, from metadata alone and before
 * anything is allocated: the system would grant more than it has and kill the process later.
 */
import { SputnikError } from '../base/errors.js'
import type { GgufModel } from '../gguf/reader.js'
import { type KvType, kvBytes } from './kv-type.js'

/** A context this long is enough for most and cheap for all; more must be asked for. */
export const DEFAULT_CONTEXT_MAX = 32_768

/** The library rounds the cells of a cache up to this. */
const CELL_STEP = 256

/** Left for activations, logits and the rest of the process. */
const RESERVE_BYTES = 192 * 1024 * 1024

export type ContextRequest = {
  /** 0: choose. */
  readonly contextLength: number
  readonly parallel: number
  readonly trainContextLength: number
  readonly kvType: KvType
  readonly freeBytes: number
}

/**
 * Bytes of one position over all layers: keys and values of each attention layer, or the one
 * compressed row of latent attention, and the keys of an indexer. An upper bound for models whose
 * layers keep less (sliding windows, recurrent layers).
 */
export function kvCellBytes(model: GgufModel, type: KvType): number {
  const layers = model.getModelNumber('block_count') ?? 0
  const isLatent = (model.getModelNumber('attention.key_length_mla') ?? 0) > 0
  const indexer = kvBytes(type, model.getModelNumber('attention.indexer.key_length') ?? 0)
  let bytes = 0
  for (let layer = 0; layer < layers; layer++) {
    const heads = kvHeads(model, layer)
    bytes += kvBytes(type, heads * headWidth(model, 'key')) + indexer
    if (!isLatent) bytes += kvBytes(type, heads * headWidth(model, 'value'))
  }
  return bytes
}

function kvHeads(model: GgufModel, layer: number): number {
  const key = `${model.architecture}.attention.head_count_kv`
  if (model.arrayLength(key) > 0) return model.getNumbers(key)?.[layer] ?? 0
  return model.getNumber(key) ?? headCount(model)
}

function headCount(model: GgufModel): number {
  const key = `${model.architecture}.attention.head_count`
  if (model.arrayLength(key) > 0) return Math.max(0, ...(model.getNumbers(key) ?? []))
  return model.getNumber(key) ?? 0
}

function headWidth(model: GgufModel, part: 'key' | 'value'): number {
  const stated = model.getModelNumber(`attention.${part}_length`)
  const width = model.getModelNumber('embedding_length') ?? 0
  return stated ?? Math.ceil(width / Math.max(headCount(model), 1))
}

/**
 * Positions of one sequence: what was asked for, or as many as fit.
 * @throws SputnikError OUT_OF_MEMORY with the numbers when it does not fit
 */
export function chooseContextLength(cellBytes: number, request: ContextRequest): number {
  const { contextLength, parallel, trainContextLength, freeBytes } = request
  const room = Math.max(0, freeBytes - RESERVE_BYTES)
  const fits = cellBytes === 0 ? Infinity : Math.floor(room / (cellBytes * parallel))
  const wanted = contextLength || Math.min(trainContextLength || Infinity, DEFAULT_CONTEXT_MAX)
  const rounded = Math.ceil(wanted / CELL_STEP) * CELL_STEP
  if (rounded <= fits) return rounded
  const shorter = Math.floor(fits / CELL_STEP) * CELL_STEP
  if (contextLength === 0 && shorter >= CELL_STEP) return shorter
  throw doesNotFit({ ...request, contextLength: rounded }, cellBytes)
}

function doesNotFit(request: ContextRequest, cellBytes: number): SputnikError {
  const { contextLength, parallel, freeBytes, kvType } = request
  const needBytes = contextLength * parallel * cellBytes
  const text =
    `the ${kvType} KV cache of ${parallel} x ${contextLength} tokens needs ` +
    `${mebibytes(needBytes)} MiB, but ${mebibytes(freeBytes)} MiB are free`
  return new SputnikError('OUT_OF_MEMORY', text, { needBytes, freeBytes })
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / (1024 * 1024))
}

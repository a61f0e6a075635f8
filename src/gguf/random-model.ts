/**
 * Makes a model file with random weights from a description of its metadata and tensors. The same
 * description, options and seed always give the same bytes. It knows no architecture.
 */

import { hashText, Prng } from '../base/prng.js'
import type { Metadata, TensorInfo } from './encode-header.js'
import type { WeightType } from './quantize.js'
import { quantize, WEIGHT_TYPES } from './quantize.js'
import type { TensorType } from './types.js'
import { elementCount, rowBytes, TENSOR_TYPES } from './types.js'
import type { TensorSource } from './writer.js'
import { writeGguf, writeSplitGguf } from './writer.js'

export type ModelDescription = {
  readonly metadata: Metadata
  readonly tensors: readonly TensorInfo[]
}

export type RandomModelOptions = {
  readonly seed?: number
  /** Type of the matrix weights, where libllama accepts it and the rows fit its blocks. */
  readonly type?: WeightType
  /** Number of files; with more than one, `path` is the prefix of their names. */
  readonly splits?: number
}

/** Changes whenever the bytes of a generated model change; part of cache keys. */
export const RANDOM_MODEL_VERSION = 2

const STANDARD_DEVIATION = 0.1
const CHUNK_ELEMENTS = 256 * 256
/** From here on, rows are cut at random places out of a pool: drawing each would take minutes. */
const POOLED_ELEMENTS = 8 * 1024 * 1024
const POOL_ELEMENTS = 4 * 1024 * 1024

/** Centred on one, as trained ones are: near zero they would hide what the experts add. */
const CENTRED_ON_ONE = /norm.*\.weight$|scale$/

/** As in llama.cpp's quantiser: these stay as described, the CPU kernels want them in f32. */
const NEVER_QUANTIZED = /norm|ffn_gate_inp|ssm_|shortconv|conv1d|indexer|tid2eid|position_embd/

/** Writes the model at `path` (or `<path>-0000N-of-0000M.gguf`); returns the path to open. */
export function writeRandomModel(
  path: string,
  model: ModelDescription & RandomModelOptions,
): string {
  const { seed = 0, type, splits = 1, metadata } = model
  const tensors = model.tensors.map((tensor) =>
    randomTensor({ ...tensor, type: chooseType(tensor, type) }, seed),
  )
  if (splits > 1) return writeSplitGguf(path, { metadata, tensors, count: splits })
  writeGguf(path, { metadata, tensors })
  return path
}

/** The type a tensor gets when matrices are to be of type `wanted`. */
export function chooseType({ name, type, shape }: TensorInfo, wanted?: WeightType): TensorType {
  const rowElements = shape[0] ?? 0
  if (wanted === undefined || shape.length < 2 || !name.endsWith('.weight')) return type
  if (NEVER_QUANTIZED.test(name) || rowElements % TENSOR_TYPES[wanted].blockSize !== 0) return type
  return wanted
}

function randomTensor(tensor: TensorInfo, seed: number): TensorSource {
  const pooled = elementCount(tensor.shape) >= POOLED_ELEMENTS
  const prng = () => Prng.fromSeed(hashText(tensor.name, seed))
  return {
    ...tensor,
    chunks: () => (pooled ? pooledChunks(tensor, prng()) : drawnChunks(tensor, prng())),
  }
}

function* drawnChunks({ name, type, shape }: TensorInfo, prng: Prng): Generator<Uint8Array> {
  const place = placement(name)
  const elements = elementCount(shape)
  for (let done = 0; done < elements; done += CHUNK_ELEMENTS) {
    const values = gaussians(prng, Math.min(CHUNK_ELEMENTS, elements - done))
    yield quantize(weightType(type), place === undefined ? values : values.map(place))
  }
}

/** Where the values of some tensors must lie, given a draw around zero. */
function placement(name: string): ((value: number) => number) | undefined {
  // The state of a recurrent layer must decay, or its values explode.
  if (name.includes('ssm_a')) return (value) => -Math.abs(value)
  if (CENTRED_ON_ONE.test(name)) return (value) => 1 + value
  return undefined
}

function* pooledChunks({ type, shape }: TensorInfo, prng: Prng): Generator<Uint8Array> {
  const rowElements = shape[0] ?? 0
  const bytes = rowBytes(type, rowElements)
  const { blockBytes } = TENSOR_TYPES[type]
  const pool = poolOf(weightType(type))
  const starts = (pool.length - bytes) / blockBytes + 1
  const rowsPerChunk = Math.max(1, Math.floor((1024 * 1024) / bytes))
  const rows = elementCount(shape) / rowElements
  for (let done = 0; done < rows; done += rowsPerChunk) {
    const chunk = new Uint8Array(Math.min(rowsPerChunk, rows - done) * bytes)
    for (let at = 0; at < chunk.length; at += bytes) {
      const start = prng.nextBelow(starts) * blockBytes
      chunk.set(pool.subarray(start, start + bytes), at)
    }
    yield chunk
  }
}

const pools = new Map<WeightType, Uint8Array>()

function poolOf(type: WeightType): Uint8Array {
  const known = pools.get(type)
  if (known !== undefined) return known
  const pool = quantize(type, gaussians(Prng.fromSeed(hashText(type)), POOL_ELEMENTS))
  pools.set(type, pool)
  return pool
}

function gaussians(prng: Prng, count: number): Float32Array {
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) values[i] = prng.nextGaussian() * STANDARD_DEVIATION
  return values
}

function weightType(type: string): WeightType {
  const found = WEIGHT_TYPES.find((name) => name === type)
  if (found === undefined) throw new TypeError(`random weights of type ${type} are not supported`)
  return found
}

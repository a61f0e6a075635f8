/**
 * Reads the shape of a model from the header of a GGUF: widths from its tensors, which cannot be
 * wrong, attention from its metadata, and exact bytes. Knows nothing of tensor data.
 */
import { SputnikError } from '../../base/errors.js'
import { EXPERT_TENSOR } from '../../base/expert.js'
import { type ExpertTensor, mapPages, type PageMap } from '../../gguf/pages.js'
import type { GgufModel } from '../../gguf/reader.js'
import type { Attention, GroupedAttention, ModelShape } from './shape.js'
import { countParameters, trunkParameters } from './sizes.js'

/** @throws SputnikError MODEL_SHAPE, GGUF_INVALID */
export function shapeOfGguf(model: GgufModel): ModelShape {
  const pages = mapPages(model)
  // The layers for multi-token prediction come last.
  const layers = pages.layerCount - (model.getModelNumber('nextn_predict_layers') ?? 0)
  const moe = pages.layers.filter(({ layer, group }) => layer < layers && group === '')
  const [first] = moe
  if (first === undefined) throw problem(model, 'it has no routed experts: a dense model')
  const width = required(model, 'embedding_length')
  const shape = {
    id: model.architecture,
    name: model.getString('general.name') ?? model.architecture,
    source: model.path,
    hidden: width,
    vocabulary: tensorSize(model, 'token_embd.weight', 1),
    tiedEmbedding: !model.tensors.has('output.weight'),
    layers,
    moeLayers: moe.length,
    experts: first.experts,
    expertsUsed: usedExperts(model, pages),
    expertFfn: expertWidth(model, first.tensors),
    sharedFfn: tensorSize(model, `blk.${first.layer}.ffn_up_shexp.weight`, 1),
    denseFfn: denseWidth(model, layers),
    ffnMatrices: isGated(first.tensors) ? 3 : 2,
    attention: readAttention(model, layers),
    bits: { trunk: 16, experts: 16 },
    contextLength: required(model, 'context_length'),
  } as const
  return withBytes(shape, { model, layers })
}

function withBytes(
  shape: ModelShape,
  { model, layers }: { model: GgufModel; layers: number },
): ModelShape {
  let trunkBytes = 0
  let expertBytes = 0
  for (const { name, bytes } of model.tensors.values()) {
    if (layerOf(name) >= layers) continue
    if (EXPERT_TENSOR.test(name)) expertBytes += bytes
    else trunkBytes += bytes
  }
  const counts = countParameters(shape)
  const tableBytes = tensorBytes(model, 'token_embd.weight') + tensorBytes(model, 'output.weight')
  return {
    ...shape,
    exact: { trunkBytes, expertBytes },
    bits: {
      trunk: (8 * trunkBytes) / trunkParameters(shape),
      experts: (8 * expertBytes) / counts.routedExperts,
      embedding: (8 * tableBytes) / (counts.embedding + counts.outputHead),
    },
  }
}

/** -1 for tensors of no layer. */
function layerOf(name: string): number {
  return Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
}

function tensorBytes(model: GgufModel, name: string): number {
  return model.tensors.get(name)?.bytes ?? 0
}

/** 0 when there is no such tensor. */
function tensorSize(model: GgufModel, name: string, dimension: number): number {
  return model.tensors.get(name)?.shape[dimension] ?? 0
}

function usedExperts(model: GgufModel, pages: PageMap): number {
  if (pages.expertUsed > 0) return pages.expertUsed
  throw problem(model, 'expert_used_count is missing')
}

/** Of the first product: down projections have it as their first dimension. */
function expertWidth(model: GgufModel, tensors: readonly ExpertTensor[]): number {
  const down = tensors.find(({ role, kind }) => role === 'down' && kind === 'weight')
  const width = down?.shape[0]
  if (width !== undefined) return width
  throw problem(model, 'its experts have no down projection')
}

function isGated(tensors: readonly ExpertTensor[]): boolean {
  return tensors.some(({ role }) => role === 'gate' || role === 'gate_up')
}

/** 0 when every layer has routed experts. */
function denseWidth(model: GgufModel, layers: number): number {
  // By the tensors, as a hostile file may state any number of layers.
  for (const { name, shape } of model.tensors.values()) {
    if (/^blk\.\d+\.ffn_down\.weight$/.test(name) && layerOf(name) < layers) return shape[0] ?? 0
  }
  return 0
}

function readAttention(model: GgufModel, layers: number): Attention {
  for (const key of model.metadata.keys()) {
    if (/\.(ssm|wkv|kda)\./.test(key)) throw problem(model, `${key}: plans know no such layers`)
  }
  const heads = uniform(model, 'attention.head_count')
  const kvRank = model.getModelNumber('attention.kv_lora_rank')
  const keyDim = headDim(model, 'key')
  if (kvRank !== undefined) {
    const ropeDim = required(model, 'rope.dimension_count')
    return {
      kind: 'latent',
      heads,
      queryRank: model.getModelNumber('attention.q_lora_rank') ?? 0,
      kvRank,
      nopeDim: keyDim - ropeDim,
      ropeDim,
      valueDim: headDim(model, 'value'),
    }
  }
  const kvHeads = uniform(model, 'attention.head_count_kv')
  const window = readWindow(model, layers)
  const attention = { kind: 'grouped', heads, kvHeads, headDim: keyDim } as const
  return window === undefined ? attention : { ...attention, window }
}

/** With latent attention the plain key is of the compressed row. */
function headDim(model: GgufModel, of: 'key' | 'value'): number {
  return (
    model.getModelNumber(`attention.${of}_length_mla`) ??
    model.getModelNumber(`attention.${of}_length`) ??
    required(model, 'embedding_length') / uniform(model, 'attention.head_count')
  )
}

function readWindow(model: GgufModel, layers: number): GroupedAttention['window'] {
  const tokens = model.getModelNumber('attention.sliding_window') ?? 0
  if (tokens === 0) return undefined
  const key = `${model.architecture}.attention.sliding_window_pattern`
  if (model.metadata.get(key)?.type === 'array') {
    const flags = (model.getArray(key) ?? []).slice(0, layers)
    return { layers: flags.filter((flag) => flag === true || flag === 1).length, tokens }
  }
  // As llama.cpp has it: every n-th layer sees all; of gpt-oss every second, without saying so.
  const step = model.getNumber(key) ?? (model.architecture === 'gpt-oss' ? 2 : 0)
  return { layers: step === 0 ? layers : layers - Math.floor(layers / step), tokens }
}

/** A number that may be stated per layer but must be the same in all. */
function uniform(model: GgufModel, name: string): number {
  const [first, ...others] = model.getModelNumbers(name)
  if (first === undefined || first < 1) throw problem(model, `${name} is missing`)
  if (others.some((other) => other !== first)) {
    throw problem(model, `${name} differs between layers, which plans do not know`)
  }
  return first
}

function required(model: GgufModel, name: string): number {
  const value = model.getModelNumber(name)
  if (value !== undefined && value > 0) return value
  throw problem(model, `${name} is missing`)
}

function problem(model: GgufModel, text: string): SputnikError {
  return new SputnikError('MODEL_SHAPE', `${model.path}: ${text}`, { path: model.path })
}

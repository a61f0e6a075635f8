/**
 * The byte ranges of each page of a model. A page is one routed expert of one layer: its slices of
 * all expert tensors of that layer. Knows nothing of where pages are kept.
 */

import { SputnikError } from '../base/errors.js'
import { EXPERT_TENSOR, type Projection } from '../base/expert.js'
import { sum } from '../base/statistics.js'
import { invalidFile } from './file.js'
import type { GgufModel } from './reader.js'
import type { GgufTensor, TensorType } from './types.js'

export type ExpertTensorKind = 'weight' | 'bias' | 'scale'

export type ExpertTensor = {
  readonly name: string
  readonly role: Projection
  readonly kind: ExpertTensorKind
  readonly type: TensorType
  /** Of the whole tensor, ggml order; the expert is the last dimension. */
  readonly shape: readonly number[]
  /** Bytes of one expert: expert e begins at `offset + e * sliceBytes`. */
  readonly sliceBytes: number
  /** Index into the files of the model. */
  readonly file: number
  /** Absolute byte offset of expert 0 in that file. */
  readonly offset: number
}

/** The experts of one layer, or the second set (`chexps`) that some architectures have. */
export type ExpertLayer = {
  readonly layer: number
  readonly group: '' | 'ch'
  readonly experts: number
  readonly pageBytes: number
  /** Ordered by name, so that all processes see them alike. */
  readonly tensors: readonly ExpertTensor[]
}

export type PageMap = {
  /** Ordered by layer, then group; layers without routed experts are absent. */
  readonly layers: readonly ExpertLayer[]
  readonly layerCount: number
  /** As the metadata state it; 0 for a dense model. */
  readonly expertCount: number
  /** Experts chosen per token, the largest of all layers. */
  readonly expertUsed: number
  /** All tensors that belong to no page. */
  readonly trunkBytes: number
  readonly expertBytes: number
  readonly pageCount: number
  readonly pageBytesMin: number
  readonly pageBytesMax: number
}

/** Dimensions of a tensor without the one that counts experts. */
const DIMS_PER_EXPERT = { weight: 2, bias: 1, scale: 0 } as const

/** How models of 2023 stored experts: one tensor each. */
const SINGLE_EXPERT = /^blk\.\d+\.ffn_(gate|up|down)\.\d+\.weight$/

/** Throws GGUF_INVALID when the expert tensors of a layer disagree, MODEL_UNSUPPORTED. */
export function mapPages(model: GgufModel): PageMap {
  const layers = expertLayers(model)
  const expertBytes = sum(layers.map((layer) => layer.experts * layer.pageBytes))
  const modelBytes = sum([...model.tensors.values()].map((tensor) => tensor.bytes))
  const pageSizes = layers.map((layer) => layer.pageBytes)
  return {
    layers,
    layerCount: model.getModelNumber('block_count') ?? 0,
    expertCount: largest(model.getModelNumbers('expert_count')),
    expertUsed: largest(model.getModelNumbers('expert_used_count')),
    trunkBytes: modelBytes - expertBytes,
    expertBytes,
    pageCount: sum(layers.map((layer) => layer.experts)),
    pageBytesMin: pageSizes.reduce((a, b) => Math.min(a, b), pageSizes[0] ?? 0),
    pageBytesMax: largest(pageSizes),
  }
}

function expertLayers(model: GgufModel): ExpertLayer[] {
  const byLayer = new Map<string, GgufTensor[]>()
  for (const tensor of model.tensors.values()) {
    if (SINGLE_EXPERT.test(tensor.name)) throw singleExperts(model.path, tensor.name)
    const match = EXPERT_TENSOR.exec(tensor.name)
    if (match === null) continue
    const key = `${match[1]}${match[3] ?? ''}`
    byLayer.set(key, [...(byLayer.get(key) ?? []), tensor])
  }
  const layers = [...byLayer.values()].map((tensors) => expertLayer(model.path, tensors))
  return layers.sort((a, b) => a.layer - b.layer || a.group.length - b.group.length)
}

function expertLayer(path: string, tensors: readonly GgufTensor[]): ExpertLayer {
  const parsed = tensors
    .map((tensor) => parseExpertTensor(path, tensor))
    .sort((a, b) => (a.slice.name < b.slice.name ? -1 : 1))
  const [first, ...others] = parsed
  if (first === undefined) throw invalidFile(path, 'an expert layer without tensors')
  for (const other of others) {
    if (other.experts === first.experts) continue
    throw invalidFile(
      path,
      `"${first.slice.name}" has ${first.experts} experts, "${other.slice.name}" ${other.experts}`,
    )
  }
  const slices = parsed.map((tensor) => tensor.slice)
  const pageBytes = sum(slices.map((slice) => slice.sliceBytes))
  const { layer, group, experts } = first
  return { layer, group, experts, pageBytes, tensors: slices }
}

type ParsedTensor = { layer: number; group: '' | 'ch'; experts: number; slice: ExpertTensor }

function parseExpertTensor(path: string, tensor: GgufTensor): ParsedTensor {
  const [, layer = '', role, ch, kind] = EXPERT_TENSOR.exec(tensor.name) ?? []
  if (String(Number(layer)) !== layer) {
    throw invalidFile(path, `"${tensor.name}" writes its layer in an unusual way`)
  }
  const tensorKind = kind as ExpertTensorKind
  const { name, type, shape, bytes, file, offset } = tensor
  const dims = DIMS_PER_EXPERT[tensorKind]
  // ggml leaves out trailing dimensions of one: a single expert has none of its own.
  const experts = shape[dims] ?? 1
  if (experts < 1 || shape.length > dims + 1 || bytes % experts !== 0) {
    throw invalidFile(path, `"${name}" of shape [${shape}] is no ${kind} of experts`)
  }
  return {
    layer: Number(layer),
    group: ch === undefined ? '' : 'ch',
    experts,
    slice: {
      name,
      role: role as Projection,
      kind: tensorKind,
      type,
      shape,
      sliceBytes: bytes / experts,
      file,
      offset,
    },
  }
}

function singleExperts(path: string, name: string): SputnikError {
  const text = `${path}: "${name}" keeps one expert per tensor, an old form; convert the model again`
  return new SputnikError('MODEL_UNSUPPORTED', text, { path })
}

/** Not by spreading: a hostile file may have more numbers than fit on the stack. */
function largest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), 0)
}

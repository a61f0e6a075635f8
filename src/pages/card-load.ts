/** What a card is told to load of a model, by a head or by a domain with a copy of its own. */
import type { Load } from '../fabric/control.js'
import type { ExpertLayer, PageMap } from '../gguf/pages.js'
import type { GgufModel } from '../gguf/reader.js'
import { TENSOR_TYPES } from '../gguf/types.js'
import type { Manifest } from './manifest.js'

/** The regions of a model, in the order in which all nodes number them. */
export function regionsInUse(pages: PageMap, gguf: GgufModel): ExpertLayer[] {
  // Layers for multi-token prediction come last and are not loaded by libllama.
  const extra = gguf.getModelNumber('nextn_predict_layers') ?? 0
  return pages.layers.filter(({ layer }) => layer < pages.layerCount - extra)
}

export type CardLoad = {
  readonly gguf: GgufModel
  readonly layers: readonly ExpertLayer[]
  readonly device: string
  readonly threads: number
  /** Experts of each region the card begins with. */
  readonly pages: readonly (readonly number[])[]
  /** Experts of each region it has room for; undefined: those it begins with. */
  readonly slots?: (region: number) => number
}

export function cardLoad({ gguf, layers, device, threads, pages, slots }: CardLoad): Load {
  return {
    files: gguf.files.map((file) => file.path),
    device,
    threads,
    regions: layers.map((layer, region) => ({
      layer: layer.layer,
      group: layer.group,
      experts: layer.experts,
      tensors: layer.tensors.map((tensor) => ({
        name: tensor.name,
        role: tensor.role,
        kind: tensor.kind,
        typeId: TENSOR_TYPES[tensor.type].id,
        shape: [...tensor.shape],
        sliceBytes: tensor.sliceBytes,
        file: tensor.file,
        offset: tensor.offset,
      })),
      pages: [...(pages[region] ?? [])],
      ...(slots && { slots: slots(region) }),
    })),
  }
}

/** Where the tensors of a manifest's regions lie in a copy of the model; plain data. */
export type ModelCopy = {
  readonly files: readonly string[]
  /** By region of the manifest, then tensor; null: the copy does not have the region. */
  readonly regions: ReadonlyArray<ReadonlyArray<{
    readonly file: number
    readonly offset: number
  }> | null>
}

export type ManifestLoad = {
  /** Regions that steps use; they come first. */
  readonly regionsInUse: number
  /** Without one, all pages come from files of their own. */
  readonly copy?: ModelCopy | null | undefined
}

/**
 * What the cards of a domain load that knows the model only by its manifest: regions without pages,
 * which have the numbers of the manifest's.
 */
export function loadOfManifest(
  manifest: Manifest,
  { regionsInUse: count, copy }: ManifestLoad,
): Pick<Load, 'files' | 'regions'> {
  const files = [...(copy?.files ?? [])]
  return {
    files,
    regions: manifest.regions.slice(0, count).map(({ layer, group, experts, tensors }, region) => {
      const places = copy?.regions[region]
      return {
        layer,
        group,
        experts,
        tensors: tensors.map((tensor, index) => ({
          ...tensor,
          shape: [...tensor.shape],
          // A file that is not there: a page is never looked for where the copy lacks it.
          ...(places?.[index] ?? { file: files.length, offset: 0 }),
        })),
        pages: [],
      }
    }),
  }
}

/**
 * Where the pages of a manifest lie in a copy of the model, by the geometry of its tensors. Knows
 * nothing of whether the bytes there are the right ones.
 */
import { isDeepStrictEqual } from 'node:util'
import { regionKey } from '../base/expert.js'
import type { Slice } from '../fabric/slice-reader.js'
import type { ExpertLayer, PageMap } from '../gguf/pages.js'
import { regionGeometry } from './hash-model.js'
import type { Manifest, PageRef } from './manifest.js'

export class PageLocations {
  /** Regions of the manifest that the copy has in the same shape. */
  readonly regions: readonly number[]
  readonly #layers: ReadonlyMap<number, ExpertLayer>

  constructor(manifest: Manifest, copy: PageMap) {
    const layers = new Map(copy.layers.map((layer) => [regionKey(layer), layer]))
    const found = new Map<number, ExpertLayer>()
    manifest.regions.forEach(({ pageBytes: _, firstPage: __, ...geometry }, region) => {
      const layer = layers.get(regionKey(geometry))
      if (layer === undefined || !isDeepStrictEqual(regionGeometry(layer), geometry)) return
      found.set(region, layer)
    })
    this.#layers = found
    this.regions = [...found.keys()]
  }

  has({ region, expert }: PageRef): boolean {
    const layer = this.#layers.get(region)
    return layer !== undefined && expert < layer.experts
  }

  /** In the order of the region's tensors; empty when the copy has no such region. */
  parts({ region, expert }: Pick<PageRef, 'region' | 'expert'>): Slice[] {
    const tensors = this.#layers.get(region)?.tensors ?? []
    return tensors.map(({ file, offset, sliceBytes }) => ({
      file,
      offset: offset + expert * sliceBytes,
      bytes: sliceBytes,
    }))
  }
}

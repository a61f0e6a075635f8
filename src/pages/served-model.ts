/** What a head's fabric thread serves of a model: its manifest and where its pages lie. */
import { assert } from '../base/assert.js'
import { regionKey } from '../base/expert.js'
import type { ServedModel } from '../fabric/page-service.js'
import { mapPages } from '../gguf/pages.js'
import type { GgufModel } from '../gguf/reader.js'
import { regionsInUse } from './card-load.js'
import { encodeManifest, type Manifest } from './manifest.js'

export function servedModel(manifest: Manifest, model: GgufModel): ServedModel {
  const pages = mapPages(model)
  const inUse = regionsInUse(pages, model)
  const isNumberedAlike = inUse.every((layer, index) => {
    const region = manifest.regions[index]
    return region !== undefined && regionKey(region) === regionKey(layer)
  })
  assert(isNumberedAlike, 'the regions of the manifest have other numbers than those of the fleet')
  return {
    modelHash: manifest.model,
    manifest: encodeManifest(manifest),
    regionsInUse: inUse.length,
    files: model.files.map(({ path }) => path),
    regions: pages.layers.map(({ experts, tensors }) => ({
      experts,
      slices: tensors.map(({ file, offset, sliceBytes }) => ({ file, offset, bytes: sliceBytes })),
    })),
  }
}

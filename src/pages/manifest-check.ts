/**
 * Checks the geometry of a manifest's regions against itself: names, order, shapes and the bytes
 * that follow from them. Knows nothing of hashes and of how a manifest is written down.
 */
import { SputnikError } from '../base/errors.js'
import { EXPERT_TENSOR, regionKey } from '../base/expert.js'
import { TENSOR_TYPES, tensorBytes, tensorTypeOf } from '../gguf/types.js'
import type { ManifestTensor, RegionGeometry } from './manifest.js'

type Limits = { readonly pageBytes: number; readonly experts: number }

/** @throws SputnikError MANIFEST_INVALID */
export function checkGeometry(regions: readonly RegionGeometry[], limits: Limits): void {
  let previous: RegionGeometry | undefined
  for (const region of regions) {
    check(previous === undefined || isBefore(previous, region), 'is out of order', region)
    checkRegion(region, limits)
    previous = region
  }
}

/** By layer, then group, as `mapPages` orders them; so each is there once. */
function isBefore(a: RegionGeometry, b: RegionGeometry): boolean {
  return a.layer < b.layer || (a.layer === b.layer && a.group.length < b.group.length)
}

function checkRegion(region: RegionGeometry, limits: Limits): void {
  check(region.experts <= limits.experts, `has ${region.experts} experts`, region)
  let bytes = 0
  let previous = ''
  for (const tensor of region.tensors) {
    check(previous < tensor.name, 'has its tensors out of order', region)
    check(isNamedRight(tensor, region), `has a misnamed tensor ${tensor.name}`, region)
    check(
      tensor.sliceBytes === sliceBytes(tensor, region.experts),
      `has slices of another length in ${tensor.name}`,
      region,
    )
    bytes += tensor.sliceBytes
    previous = tensor.name
  }
  check(bytes <= limits.pageBytes, `has pages of ${bytes} bytes`, region)
}

function isNamedRight(tensor: ManifestTensor, region: RegionGeometry): boolean {
  const [, layer, role, group = '', kind] = EXPERT_TENSOR.exec(tensor.name) ?? []
  const isHere = layer === String(region.layer) && group === region.group
  return isHere && role === tensor.role && kind === tensor.kind
}

/** Bytes of one expert; NaN when the tensor does not consist of so many. */
function sliceBytes({ typeId, shape }: ManifestTensor, experts: number): number {
  const type = tensorTypeOf(typeId)
  const [rowElements = 0] = shape
  if (type === undefined || rowElements % TENSOR_TYPES[type].blockSize !== 0) return Number.NaN
  // ggml leaves out a trailing dimension of one, so a single expert may have none of its own.
  if (experts > 1 && shape.at(-1) !== experts) return Number.NaN
  const bytes = tensorBytes(type, shape) / experts
  return Number.isSafeInteger(bytes) ? bytes : Number.NaN
}

function check(condition: boolean, what: string, region: RegionGeometry): void {
  if (condition) return
  const text = `the manifest is wrong: layer ${regionKey(region)} ${what}`
  throw new SputnikError('MANIFEST_INVALID', text)
}

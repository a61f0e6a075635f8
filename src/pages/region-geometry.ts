/**
 * The experts of a layer as a manifest lists them: tensors, shapes and the bytes that follow from
 * them, checked against each other. Knows nothing of hashes and of how a manifest is written down.
 */
import { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import { EXPERT_TENSOR, PROJECTIONS, regionKey } from '../base/expert.js'
import { TENSOR_TYPES, tensorBytes, tensorTypeOf } from '../gguf/types.js'

/** Far above any published model; what comes from the network is held to them. */
const REGION_LIMITS = {
  layers: 4096,
  experts: 1024,
  tensors: 16,
  pageBytes: 2 ** 30,
} as const

const size = z.int().min(1).max(Number.MAX_SAFE_INTEGER)

const tensorSchema = z.strictObject({
  name: z.string().max(63),
  role: z.enum(PROJECTIONS),
  kind: z.enum(['weight', 'bias', 'scale']),
  typeId: z.int().min(0).max(255),
  shape: z.array(size).min(1).max(4),
  sliceBytes: size,
})

export const regionSchema = z.strictObject({
  layer: z.int().min(0).max(REGION_LIMITS.layers),
  group: z.enum(['', 'ch']),
  experts: z.int().min(1).max(REGION_LIMITS.experts),
  tensors: z.array(tensorSchema).min(1).max(REGION_LIMITS.tensors),
})

/** One expert tensor: `shape` in ggml order, `sliceBytes` of one expert. */
type TensorGeometry = z.infer<typeof tensorSchema>

/** Geometry of a region; `tensors` are ordered by name, as `mapPages` orders them. */
export type RegionGeometry = z.infer<typeof regionSchema>

/** @throws SputnikError MANIFEST_INVALID */
export function checkGeometry(regions: readonly RegionGeometry[]): void {
  let previous: RegionGeometry | undefined
  for (const region of regions) {
    check(previous === undefined || isBefore(previous, region), 'is out of order', region)
    checkRegion(region)
    previous = region
  }
}

/** By layer, then group, as `mapPages` orders them; so each is there once. */
function isBefore(a: RegionGeometry, b: RegionGeometry): boolean {
  return a.layer < b.layer || (a.layer === b.layer && a.group.length < b.group.length)
}

function checkRegion(region: RegionGeometry): void {
  check(region.experts <= REGION_LIMITS.experts, `has ${region.experts} experts`, region)
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
  check(bytes <= REGION_LIMITS.pageBytes, `has pages of ${bytes} bytes`, region)
}

function isNamedRight(tensor: TensorGeometry, region: RegionGeometry): boolean {
  const [, layer, role, group = '', kind] = EXPERT_TENSOR.exec(tensor.name) ?? []
  const isHere = layer === String(region.layer) && group === region.group
  return isHere && role === tensor.role && kind === tensor.kind
}

/** Bytes of one expert; NaN when the tensor does not consist of so many. */
function sliceBytes({ typeId, shape }: TensorGeometry, experts: number): number {
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

/**
 * What a model is, page by page: the SHA-256 of every page and of the trunk, and one hash over all
 * that names the model. Two copies of a model have one manifest however their files are cut. Knows
 * nothing of files and of where pages lie.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import { checkGeometry, type RegionGeometry, regionSchema } from './region-geometry.js'

export const HASH_BYTES = 32

/** Far above any published model; what comes from the network is held to them. */
export const MANIFEST_LIMITS = {
  headerBytes: 8 << 20,
  regions: 8192,
  pages: 1 << 20,
} as const

const MAGIC = 'SPMF'
const VERSION = 1
const PREFIX_BYTES = 12

const size = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const hex = z.string().regex(/^[0-9a-f]{64}$/)

const headerSchema = z.strictObject({
  model: hex,
  architecture: z.string().min(1).max(128),
  trunk: z.strictObject({ bytes: size, hash: hex }),
  regions: z.array(regionSchema).max(MANIFEST_LIMITS.regions),
})

export type ManifestRegion = RegionGeometry & {
  readonly pageBytes: number
  /** Index of the page of expert 0 among all pages. */
  readonly firstPage: number
}

/** Plain data: it can be sent to a thread as it is. */
export type Manifest = {
  /** Names the model: SHA-256 over everything below, in hexadecimal. */
  readonly model: string
  readonly architecture: string
  readonly trunk: { readonly bytes: number; readonly hash: string }
  /** All layers of the file that have routed experts, those for drafting (nextn) too. */
  readonly regions: readonly ManifestRegion[]
  readonly pageCount: number
  /** 32 bytes for each page: region by region, expert by expert. */
  readonly hashes: Uint8Array
}

/**
 * One page: bytes and their hash. Its bytes are the slices of the expert in all tensors of the
 * region, one behind the other in the order of the region's tensors, without padding.
 */
export type PageRef = {
  /** Index into the regions of the manifest. */
  readonly region: number
  readonly layer: number
  readonly group: '' | 'ch'
  readonly expert: number
  /** SHA-256 in hexadecimal. */
  readonly hash: string
  readonly bytes: number
}

export type ManifestParts = {
  readonly architecture: string
  readonly trunk: Manifest['trunk']
  readonly regions: readonly RegionGeometry[]
  readonly hashes: Uint8Array
}

/** @throws SputnikError MANIFEST_INVALID when the parts do not fit each other */
export function makeManifest(parts: ManifestParts): Manifest {
  const { architecture, trunk, hashes } = parts
  checkGeometry(parts.regions)
  const { regions, pageCount } = numberPages(parts.regions)
  if (pageCount > MANIFEST_LIMITS.pages) throw invalidManifest(`it has ${pageCount} pages`)
  if (hashes.length !== pageCount * HASH_BYTES) {
    throw invalidManifest(`${pageCount} pages have ${hashes.length} bytes of hashes`)
  }
  return { model: modelHash(parts), architecture, trunk, regions, pageCount, hashes }
}

/** Magic, version and length of the header, the header as JSON, then the hashes. */
export function encodeManifest(manifest: Manifest): Buffer {
  const header = Buffer.from(JSON.stringify({ model: manifest.model, ...canonical(manifest) }))
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.write(MAGIC, 'latin1')
  prefix.writeUInt32LE(VERSION, 4)
  prefix.writeUInt32LE(header.length, 8)
  return Buffer.concat([prefix, header, manifest.hashes])
}

/** @throws SputnikError MANIFEST_INVALID, also when it is not of the model `expectedModel` */
export function decodeManifest(bytes: Uint8Array, expectedModel?: string): Manifest {
  const { text, hashes } = cutManifest(bytes)
  const result = headerSchema.safeParse(parseJson(text))
  if (!result.success) {
    const [issue] = result.error.issues
    const place = issue?.path.join('.') || 'the whole'
    throw invalidManifest(`${place}: ${issue?.message}`)
  }
  const manifest = makeManifest({ ...result.data, hashes })
  if (manifest.model !== result.data.model)
    throw invalidManifest('its hash is not that of its content')
  if (expectedModel !== undefined && manifest.model !== expectedModel) {
    throw invalidManifest(`it is of the model ${manifest.model}, expected ${expectedModel}`)
  }
  return manifest
}

/** The page of an expert, or undefined when the manifest has no such region or expert. */
export function pageRef(
  manifest: Manifest,
  { region, expert }: { region: number; expert: number },
): PageRef | undefined {
  const found = manifest.regions[region]
  const exists = found !== undefined && Number.isInteger(expert) && expert >= 0
  if (!exists || expert >= found.experts) return undefined
  const at = (found.firstPage + expert) * HASH_BYTES
  const hash = Buffer.from(manifest.hashes.subarray(at, at + HASH_BYTES)).toString('hex')
  const { layer, group, pageBytes } = found
  return { region, layer, group, expert, hash, bytes: pageBytes }
}

/** All pages of some regions, or of all: region by region, expert by expert. */
export function* pagesOf(manifest: Manifest, regions?: readonly number[]): Generator<PageRef> {
  for (const region of regions ?? manifest.regions.keys()) {
    const experts = manifest.regions[region]?.experts ?? 0
    for (let expert = 0; expert < experts; expert++) {
      const page = pageRef(manifest, { region, expert })
      if (page !== undefined) yield page
    }
  }
}

/** Where the slice of each tensor begins within a page of the region. */
export function sliceOffsets(region: RegionGeometry): number[] {
  let offset = 0
  return region.tensors.map(({ sliceBytes }) => {
    const begin = offset
    offset += sliceBytes
    return begin
  })
}

/** For people: `layer 3 expert 17`. */
export function pageName({ layer, group, expert }: PageRef): string {
  return `layer ${layer}${group === '' ? '' : ` (${group})`} expert ${expert}`
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function invalidManifest(problem: string): SputnikError {
  return new SputnikError('MANIFEST_INVALID', `the manifest is wrong: ${problem}`)
}

function numberPages(geometry: readonly RegionGeometry[]): {
  regions: ManifestRegion[]
  pageCount: number
} {
  let pageCount = 0
  const regions = geometry.map((region) => {
    const firstPage = pageCount
    pageCount += region.experts
    const pageBytes = region.tensors.reduce((sum, { sliceBytes }) => sum + sliceBytes, 0)
    return { ...region, pageBytes, firstPage }
  })
  return { regions, pageCount }
}

/** Fields in one fixed order: the hash of the model is taken over this as JSON. */
function canonical({ architecture, trunk, regions }: ManifestParts): object {
  return {
    architecture,
    trunk: { bytes: trunk.bytes, hash: trunk.hash },
    regions: regions.map(({ layer, group, experts, tensors }) => ({
      layer,
      group,
      experts,
      tensors: tensors.map(({ name, role, kind, typeId, shape, sliceBytes }) => ({
        name,
        role,
        kind,
        typeId,
        shape,
        sliceBytes,
      })),
    })),
  }
}

function modelHash(parts: ManifestParts): string {
  const hash = createHash('sha256').update(`sputnik model ${VERSION}\n`)
  return hash
    .update(JSON.stringify(canonical(parts)))
    .update('\n')
    .update(parts.hashes)
    .digest('hex')
}

function cutManifest(bytes: Uint8Array): { text: string; hashes: Uint8Array } {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (all.length < PREFIX_BYTES || all.toString('latin1', 0, 4) !== MAGIC) {
    throw invalidManifest('it does not begin like one')
  }
  const version = all.readUInt32LE(4)
  if (version !== VERSION) throw invalidManifest(`version ${version}, expected ${VERSION}`)
  const headerEnd = PREFIX_BYTES + all.readUInt32LE(8)
  if (headerEnd > MANIFEST_LIMITS.headerBytes || headerEnd > all.length) {
    throw invalidManifest(`its header claims ${headerEnd} of ${all.length} bytes`)
  }
  if (all.length - headerEnd > MANIFEST_LIMITS.pages * HASH_BYTES) {
    throw invalidManifest(`it is ${all.length} bytes long`)
  }
  // A copy: the manifest lives longer than the frame it came in.
  const hashes = new Uint8Array(all.subarray(headerEnd))
  return { text: all.toString('utf8', PREFIX_BYTES, headerEnd), hashes }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SputnikError('MANIFEST_INVALID', 'the manifest is no JSON', {}, cause)
  }
}
